//! From the text of a key that Hubble does not have to the field of the request, and ports, which
//! Hubble knows singly and we as ranges too.

use super::keys::Side;
use super::words::{DNS_RCODES, OUTCOMES, number};
use crate::flow::FlowFilter;
use crate::v1::{Filter, PortRange};

type Checked = Result<(), String>;

/// The largest response code with EDNS: RFC 6891 6.1.3.
const RCODE_MAX: u32 = 0xfff;

pub(super) fn port(stock: &mut FlowFilter, own: &mut Filter, side: Side, value: &str) -> Checked {
    let (ports, ranges) = match side {
        Side::Source => (&mut stock.source_port, &mut own.source_port_range),
        Side::Destination => (&mut stock.destination_port, &mut own.destination_port_range),
    };
    match (single_port(value), port_range(value)) {
        (Some(_), _) => ports.push(value.to_owned()),
        (None, Some(range)) => ranges.push(range),
        (None, None) => return Err("expected a port from 0 to 65535, or a range such as 8000-8100".to_owned()),
    }
    Ok(())
}

/// One of a side's ports suffices, and fields are joined by AND: beside a range, single ports are
/// ranges too.
pub(super) fn join_ports(stock: &mut FlowFilter, own: &mut Filter) {
    for (ports, ranges) in [
        (&mut stock.source_port, &mut own.source_port_range),
        (&mut stock.destination_port, &mut own.destination_port_range),
    ] {
        if !ranges.is_empty() {
            let single = std::mem::take(ports);
            ranges.extend(
                single.iter().filter_map(|port| single_port(port)).map(|port| PortRange { first: port, last: port }),
            );
        }
    }
}

pub(super) fn snat_port(filter: &mut Filter, value: &str) -> Checked {
    let port = single_port(value).ok_or("expected a port from 0 to 65535")?;
    filter.snat_port.push(port);
    Ok(())
}

pub(super) fn egress_policy(filter: &mut Filter, value: &str) -> Checked {
    filter.egress_policy.push(value.to_owned());
    Ok(())
}

pub(super) fn egress_gateway(filter: &mut Filter, value: &str) -> Checked {
    filter.egress_gateway.push(value.to_owned());
    Ok(())
}

pub(super) fn dns_rcode(filter: &mut Filter, value: &str) -> Checked {
    let code = number(&DNS_RCODES, value).or_else(|| value.parse().ok().filter(|code| *code <= RCODE_MAX));
    let code = code.ok_or_else(|| format!("expected a number or one of {}", DNS_RCODES.join(", ")))?;
    filter.dns_rcode.push(code);
    Ok(())
}

pub(super) fn unresolved(filter: &mut Filter, _: &str) -> Checked {
    filter.unresolved = Some(true);
    Ok(())
}

pub(super) fn outcome(filter: &mut Filter, value: &str) -> Checked {
    let index = number(&OUTCOMES, value).and_then(|index| i32::try_from(index).ok());
    let index = index.ok_or_else(|| format!("expected one of {}", OUTCOMES.join(", ")))?;
    filter.outcome.push(index + 1);
    Ok(())
}

/// Both ends of `N-M`.
fn port_range(text: &str) -> Option<PortRange> {
    let (first, last) = text.split_once('-')?;
    let range = PortRange { first: single_port(first)?, last: single_port(last)? };
    (range.first <= range.last).then_some(range)
}

fn single_port(text: &str) -> Option<u32> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse::<u16>().ok().filter(|_| digits).map(u32::from)
}

/// Whether a bare word is a port or a range of ports.
pub(super) fn is_port(text: &str) -> bool {
    single_port(text).is_some() || port_range(text).is_some()
}
