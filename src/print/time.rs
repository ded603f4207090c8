//! Times as text, always in UTC, in the forms that `--time-format` names.

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// The names of `--time-format` with their `strftime` form.
const FORMATS: [(&str, &str); 9] = [
    ("StampMilli", "%b %e %H:%M:%S.%3f"),
    ("YearMonthDay", "%Y-%m-%d"),
    ("YearMonthDayHour", "%Y-%m-%dT%HZ"),
    ("YearMonthDayHourMinute", "%Y-%m-%dT%H:%MZ"),
    ("RFC3339", "%Y-%m-%dT%H:%M:%SZ"),
    ("RFC3339Milli", "%Y-%m-%dT%H:%M:%S.%3fZ"),
    ("RFC3339Micro", "%Y-%m-%dT%H:%M:%S.%6fZ"),
    // Fraction digits as many as needed, none for a whole second.
    ("RFC3339Nano", "%Y-%m-%dT%H:%M:%S%.fZ"),
    ("RFC1123Z", "%a, %d %b %Y %H:%M:%S +0000"),
];

/// One of the forms.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct TimeFormat(&'static str);

impl TimeFormat {
    /// The names that `--time-format` takes, the default first.
    pub(crate) fn names() -> impl Iterator<Item = &'static str> {
        FORMATS.iter().map(|(name, _)| *name)
    }

    /// The form with this name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        FORMATS.iter().find(|(known, _)| *known == name).map(|(_, form)| Self(form))
    }

    /// Appends the time; "N/A" when it is absent or outside the years 1 to 9999.
    pub(crate) fn write(self, out: &mut String, time: Option<&prost_types::Timestamp>) {
        match time.and_then(|time| Timestamp::new(time.seconds, time.nanos).ok()) {
            Some(time) if self == Self::default() => write_stamp(out, time),
            Some(time) => {
                let text = jiff::fmt::strtime::format(self.0, &time.to_zoned(TimeZone::UTC));
                out.push_str(text.as_deref().unwrap_or("N/A"));
            }
            None => out.push_str("N/A"),
        }
    }
}

impl Default for TimeFormat {
    fn default() -> Self {
        Self(FORMATS[0].1)
    }
}

/// The default form, once per printed line: written by hand because the general formatter costs
/// more than the rest of the line.
fn write_stamp(out: &mut String, time: Timestamp) {
    use std::fmt::Write as _;
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let time = TimeZone::UTC.to_datetime(time);
    let month = usize::try_from(time.month() - 1).unwrap_or_default();
    let (day, hour, minute, second) = (time.day(), time.hour(), time.minute(), time.second());
    let milli = time.millisecond();
    let _ = write!(out, "{} {day:>2} {hour:02}:{minute:02}:{second:02}.{milli:03}", MONTHS[month]);
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIME: prost_types::Timestamp = prost_types::Timestamp { seconds: 1_795_417_200, nanos: 120_456_789 };

    fn shown(name: &str, time: Option<&prost_types::Timestamp>) -> String {
        let mut out = String::new();
        TimeFormat::named(name).unwrap().write(&mut out, time);
        out
    }

    #[test]
    fn every_named_form_is_written_in_utc() {
        for (name, expected) in [
            ("StampMilli", "Nov 23 07:00:00.120"),
            ("YearMonthDay", "2026-11-23"),
            ("YearMonthDayHour", "2026-11-23T07Z"),
            ("YearMonthDayHourMinute", "2026-11-23T07:00Z"),
            ("RFC3339", "2026-11-23T07:00:00Z"),
            ("RFC3339Milli", "2026-11-23T07:00:00.120Z"),
            ("RFC3339Micro", "2026-11-23T07:00:00.120456Z"),
            ("RFC3339Nano", "2026-11-23T07:00:00.120456789Z"),
            ("RFC1123Z", "Mon, 23 Nov 2026 07:00:00 +0000"),
        ] {
            assert_eq!(shown(name, Some(&TIME)), expected, "{name}");
        }
    }

    #[test]
    fn a_short_day_is_padded_with_a_blank() {
        let second = prost_types::Timestamp { seconds: 86_400, nanos: 0 };
        assert_eq!(shown("StampMilli", Some(&second)), "Jan  2 00:00:00.000");
        assert_eq!(shown("RFC3339Nano", Some(&second)), "1970-01-02T00:00:00Z");
    }

    #[test]
    fn an_absent_or_impossible_time_is_said_so() {
        let impossible = prost_types::Timestamp { seconds: i64::MAX, nanos: 0 };
        assert_eq!(shown("StampMilli", None), "N/A");
        assert_eq!(shown("RFC3339", Some(&impossible)), "N/A");
    }
}
