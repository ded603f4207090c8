//! What kind of observation a flow is, and what became of the packet.

/// What kind of observation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A packet was dropped for this reason (Hubble's number).
    Drop(u8),
    /// A packet passed a point.
    Trace(Point),
    /// A message was understood.
    L7(L7Kind),
    /// Something that only other programs report, such as a policy's verdict (5): Hubble's event
    /// type and subtype. Never numbers that one of the above has.
    Other { kind: i32, sub: i32 },
}

impl Event {
    /// The event with Hubble's event type and subtype. They do not say whether a message asks or
    /// answers, so this is never [`Event::L7`].
    #[must_use]
    pub fn of(kind: i32, sub: i32) -> Self {
        let known = match kind {
            1 => u8::try_from(sub).ok().map(Self::Drop),
            4 => Point::of(sub).map(Self::Trace),
            _ => None,
        };
        known.unwrap_or(Self::Other { kind, sub })
    }

    /// Hubble's event type and subtype.
    #[must_use]
    pub fn numbers(self) -> (i32, i32) {
        match self {
            Self::Drop(reason) => (1, i32::from(reason)),
            Self::Trace(point) => (4, point as i32),
            Self::L7(_) => (129, 0),
            Self::Other { kind, sub } => (kind, sub),
        }
    }
}

/// Observation points of trace events; numbers are their subtypes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Point {
    /// To the endpoint.
    ToEndpoint = 0,
    /// To a proxy. This and the others without a word about it come from other programs only.
    ToProxy = 1,
    /// To the node itself.
    ToHost = 2,
    /// To the node's stack. Ours.
    ToStack = 3,
    /// Into the overlay. Ours.
    ToOverlay = 4,
    /// From the endpoint. Ours.
    FromEndpoint = 5,
    /// Out of a proxy.
    FromProxy = 6,
    /// From the node itself.
    FromHost = 7,
    /// Out of the node's stack.
    FromStack = 8,
    /// Out of the overlay. Ours.
    FromOverlay = 9,
    /// In from the network. Ours.
    FromNetwork = 10,
    /// Out to the network. Ours.
    ToNetwork = 11,
    /// Out of decryption.
    FromCrypto = 12,
    /// To encryption.
    ToCrypto = 13,
}

impl Point {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 14] = [
        Self::ToEndpoint,
        Self::ToProxy,
        Self::ToHost,
        Self::ToStack,
        Self::ToOverlay,
        Self::FromEndpoint,
        Self::FromProxy,
        Self::FromHost,
        Self::FromStack,
        Self::FromOverlay,
        Self::FromNetwork,
        Self::ToNetwork,
        Self::FromCrypto,
        Self::ToCrypto,
    ];

    /// The point with this number.
    #[must_use]
    pub fn of(number: i32) -> Option<Self> {
        Self::ALL.get(usize::try_from(number).ok()?).copied()
    }
}

/// Whether a message asks or answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum L7Kind {
    /// A query.
    Request,
    /// Its answer, with the time it took in nanoseconds (0 = the query was not seen).
    Response { latency: u64 },
}

/// What became of the packet; numbers as in `flow.Verdict`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nobody said. This and what follows `Dropped` comes from other programs only.
    Unknown = 0,
    /// It went on.
    Forwarded = 1,
    /// It did not.
    Dropped = 2,
    /// It could not be judged.
    Error = 3,
    /// It went on, and a policy in audit mode would have dropped it.
    Audit = 4,
    /// It was sent to a proxy.
    Redirected = 5,
    /// A point that says nothing about its fate saw it.
    Traced = 6,
    /// A socket's address was replaced.
    Translated = 7,
}

impl Verdict {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 8] = [
        Self::Unknown,
        Self::Forwarded,
        Self::Dropped,
        Self::Error,
        Self::Audit,
        Self::Redirected,
        Self::Traced,
        Self::Translated,
    ];

    /// The verdict with this number.
    #[must_use]
    pub fn of(number: i32) -> Option<Self> {
        Self::ALL.get(usize::try_from(number).ok()?).copied()
    }
}

/// What became of a flow, in one word: its verdict, with our translation told apart. Numbers are
/// those of `tidegate.v1.Outcome`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Outcome {
    /// It went on as it was.
    Forwarded = 1,
    /// It went on by an egress address.
    Translated = 2,
    /// It did not go on.
    Dropped = 3,
    /// It went on, against a policy in audit mode.
    Audit = 4,
    /// It could not be judged.
    Error = 5,
}

impl Outcome {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 5] = [Self::Forwarded, Self::Translated, Self::Dropped, Self::Audit, Self::Error];

    /// The outcome with this number.
    #[must_use]
    pub fn of(number: i32) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| *outcome as i32 == number)
    }

    /// Its name in filters and answers.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Forwarded => "forwarded",
            Self::Translated => "translated",
            Self::Dropped => "dropped",
            Self::Audit => "audit",
            Self::Error => "error",
        }
    }
}

/// Direction seen from the endpoint; numbers as in `flow.TrafficDirection`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Not known.
    Unknown = 0,
    /// Opened towards the endpoint.
    Ingress = 1,
    /// Opened by the endpoint.
    Egress = 2,
}

impl Direction {
    /// The direction with this number.
    #[must_use]
    pub fn of(number: i32) -> Option<Self> {
        [Self::Unknown, Self::Ingress, Self::Egress].into_iter().find(|direction| *direction as i32 == number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_they_are_written() {
        for (at, point) in Point::ALL.into_iter().enumerate() {
            assert_eq!(point as usize, at);
            assert_eq!(Event::of(4, point as i32), Event::Trace(point));
        }
        for (at, verdict) in Verdict::ALL.into_iter().enumerate() {
            assert_eq!(verdict as usize, at);
        }
        for event in [Event::Drop(194), Event::Other { kind: 5, sub: 2 }, Event::Other { kind: 4, sub: 14 }] {
            let (kind, sub) = event.numbers();
            assert_eq!(Event::of(kind, sub), event);
        }
        assert_eq!(Event::of(1, 256), Event::Other { kind: 1, sub: 256 });
        assert_eq!((Outcome::of(0), Outcome::of(5)), (None, Some(Outcome::Error)));
        assert_eq!((Verdict::of(8), Verdict::of(-1)), (None, None));
        assert_eq!((Direction::of(2), Direction::of(3)), (Some(Direction::Egress), None));
    }
}
