//! Which of the large dictionaries a question needs.

use std::ops::BitOr;

use tidegate_flow::filter::Condition;

use crate::FacetField;

/// Some of the large dictionaries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tables(u8);

impl Tables {
    pub(super) const NONE: Self = Self(0);
    pub(super) const IPS: Self = Self(1);
    pub(super) const FQDNS: Self = Self(1 << 1);
    /// Lists of names.
    pub(super) const NAMES: Self = Self(1 << 2);
    pub(super) const ENDPOINTS: Self = Self(1 << 3);
    pub(super) const PARTIES: Self = Self(1 << 4);
    pub(super) const INTERFACES: Self = Self(1 << 5);

    pub(super) fn has(self, table: Self) -> bool {
        self.0 & table.0 != 0
    }

    /// Those that say whether any value fits a condition at all.
    pub(super) fn to_begin(condition: &Condition) -> Self {
        match condition {
            Condition::Address(..) => Self::IPS,
            Condition::Fqdn(..) => Self::FQDNS,
            Condition::Pod(..)
            | Condition::Label(..)
            | Condition::Identity(..)
            | Condition::Workload(..)
            | Condition::Cluster(..) => Self::ENDPOINTS,
            _ => Self::NONE,
        }
    }

    /// Those that say which ids fit a condition.
    pub(super) fn of_condition(condition: &Condition) -> Self {
        let of_party = Self::to_begin(condition);
        match condition {
            Condition::Fqdn(..) => of_party | Self::NAMES | Self::PARTIES,
            Condition::Service(..) => Self::PARTIES,
            Condition::Unresolved(_) => Self::ENDPOINTS | Self::PARTIES,
            Condition::Egress(_) => Self::IPS,
            Condition::DnsQuery(_) => Self::FQDNS,
            Condition::Interface(_) => Self::INTERFACES,
            _ if of_party != Self::NONE => of_party | Self::PARTIES,
            _ => Self::NONE,
        }
    }

    /// Those that say what the ids of a field's column stand for.
    pub(super) fn of_field(field: FacetField) -> Self {
        match field {
            FacetField::SourceNamespace
            | FacetField::DestinationNamespace
            | FacetField::SourcePod
            | FacetField::DestinationPod
            | FacetField::SourceWorkload
            | FacetField::DestinationWorkload => Self::PARTIES | Self::ENDPOINTS,
            FacetField::SourceName | FacetField::DestinationName => Self::PARTIES | Self::NAMES | Self::FQDNS,
            FacetField::SourceIp | FacetField::DestinationIp => Self::PARTIES | Self::IPS,
            FacetField::EgressIp => Self::IPS,
            FacetField::Outcome
            | FacetField::Verdict
            | FacetField::SourcePort
            | FacetField::DestinationPort
            | FacetField::Protocol
            | FacetField::DropReason
            | FacetField::NodeName
            | FacetField::EgressPolicy
            | FacetField::EgressGateway => Self::NONE,
        }
    }
}

impl BitOr for Tables {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl FromIterator<Tables> for Tables {
    fn from_iter<T: IntoIterator<Item = Tables>>(tables: T) -> Self {
        tables.into_iter().fold(Self::NONE, BitOr::bitor)
    }
}
