//! Times on their way from messages to JSON.

use std::fmt;

use prost_types::Timestamp;
use serde::{Serialize, Serializer};
use utoipa::ToSchema;

/// A point in time; in JSON it is RFC 3339 in UTC with nine digits after the second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, ToSchema)]
#[schema(value_type = String, format = DateTime, example = "2026-11-23T07:45:59.283104221Z")]
pub(crate) struct Time(jiff::Timestamp);

impl Time {
    /// The time of a message; none when it is absent or outside the years -9999 to 9999.
    pub(crate) fn of(message: Option<&Timestamp>) -> Option<Self> {
        message.and_then(|time| jiff::Timestamp::new(time.seconds, time.nanos).ok()).map(Self)
    }

    /// Nanoseconds since 1970; kept within jiff's years.
    pub(crate) fn from_ns(ns: i128) -> Self {
        let range = jiff::Timestamp::MIN.as_nanosecond()..=jiff::Timestamp::MAX.as_nanosecond();
        let ns = ns.clamp(*range.start(), *range.end());
        Self(jiff::Timestamp::from_nanosecond(ns).expect("it is within the range"))
    }

    /// Nanoseconds since 1970.
    pub(crate) fn ns(self) -> i128 {
        self.0.as_nanosecond()
    }

    /// As a message.
    pub(crate) fn message(self) -> Timestamp {
        // A protobuf timestamp counts its nanoseconds upwards, also before 1970.
        let ns = self.0.as_nanosecond();
        let nanos = i32::try_from(ns.rem_euclid(1_000_000_000)).expect("a remainder below 10^9 fits 31 bits");
        let seconds = i64::try_from(ns.div_euclid(1_000_000_000)).expect("jiff's years fit 64 bits of seconds");
        Timestamp { seconds, nanos }
    }
}

impl From<jiff::Timestamp> for Time {
    fn from(time: jiff::Timestamp) -> Self {
        Self(time)
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.9}", self.0)
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}
