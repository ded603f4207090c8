//! Times as users write them: how long (`90s`, `1h5m`, `3d`), how long ago, or when.

use std::time::Duration;

use jiff::civil::{Date, DateTime};
use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Timestamp};

/// Reads a point in time; `now` is what durations count back from.
///
/// # Errors
/// When no form fits. The text follows "failed to parse the since time:".
pub fn parse(text: &str, now: Timestamp) -> Result<Timestamp, String> {
    let refused = || {
        format!(
            "failed to convert {text} to time; expected how long ago (90s, 1h5m, 3d) or a time \
             (2026-11-23, 2026-11-23T07:00Z, 2026-11-23T07:00:00.5+02:00)"
        )
    };
    if let Some(ago) = duration(text) {
        let ago = SignedDuration::try_from(ago).map_err(|_| refused())?;
        return now.checked_sub(ago).map_err(|_| refused());
    }
    calendar(text).ok_or_else(refused)
}

/// Reads a length of time: numbers with units that add up, as in "1h5m". Days and weeks are 24 hours and 7 days.
pub fn duration(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut total = 0.0;
    while !rest.is_empty() {
        let (number, tail) = rest.split_at(rest.find(|c: char| !c.is_ascii_digit() && c != '.')?);
        let (unit, tail) = tail.split_at(tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len()));
        let seconds = match unit {
            "ns" => 1e-9,
            "us" | "µs" | "μs" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            "d" => 86_400.0,
            "w" => 604_800.0,
            _ => return None,
        };
        total += number.parse::<f64>().ok()? * seconds;
        rest = tail;
    }
    match text.is_empty() {
        true => None,
        false => Duration::try_from_secs_f64(total).ok(),
    }
}

/// A date, a date with hour or minute and zone, RFC 3339, or RFC 1123 with a numeric zone.
fn calendar(text: &str) -> Option<Timestamp> {
    if let Ok(date) = text.parse::<Date>()
        && text.len() == "2006-01-02".len()
    {
        return utc(date.at(0, 0, 0, 0));
    }
    if let Ok(zoned) = jiff::fmt::rfc2822::parse(text) {
        return Some(zoned.timestamp());
    }
    let (date, clock) = text.split_once('T')?;
    let zone_at = clock.find(['Z', '+', '-'])?;
    let (clock, zone) = clock.split_at(zone_at);
    let date = date.parse::<Date>().ok()?;
    let mut fields = clock.split(':');
    let hour = two_digits(fields.next()?)?;
    let minute = fields.next().map_or(Some(0), two_digits)?;
    let (second, nanos) = fields.next().map_or(Some((0, 0)), seconds)?;
    if fields.next().is_some() {
        return None;
    }
    let time = jiff::civil::Time::new(hour, minute, second, nanos).ok()?;
    offset(zone)?.to_timestamp(DateTime::from_parts(date, time)).ok()
}

fn utc(time: DateTime) -> Option<Timestamp> {
    TimeZone::UTC.to_timestamp(time).ok()
}

fn two_digits(text: &str) -> Option<i8> {
    match text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        true => text.parse().ok(),
        false => None,
    }
}

fn seconds(text: &str) -> Option<(i8, i32)> {
    let Some((whole, fraction)) = text.split_once('.') else {
        return Some((two_digits(text)?, 0));
    };
    let digits = (1..=9).contains(&fraction.len()) && fraction.bytes().all(|b| b.is_ascii_digit());
    let nanos = if digits {
        format!("{fraction:0<9}").parse().ok()?
    } else {
        return None;
    };
    Some((two_digits(whole)?, nanos))
}

fn offset(text: &str) -> Option<Offset> {
    if text == "Z" {
        return Some(Offset::UTC);
    }
    let (sign, clock) = text.split_at_checked(1)?;
    let (hours, minutes) = clock.split_once(':')?;
    let seconds = i32::from(two_digits(hours)?) * 3600 + i32::from(two_digits(minutes)?) * 60;
    Offset::from_seconds(if sign == "-" { -seconds } else { seconds }).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2026-11-23T07:00:00Z".parse().unwrap()
    }

    fn parsed(text: &str) -> String {
        parse(text, now()).unwrap().to_string()
    }

    #[test]
    fn durations_count_back_from_now() {
        assert_eq!(parsed("90s"), "2026-11-23T06:58:30Z");
        assert_eq!(parsed("1h5m"), "2026-11-23T05:55:00Z");
        assert_eq!(parsed("1.5h"), "2026-11-23T05:30:00Z");
        assert_eq!(parsed("3d"), "2026-11-20T07:00:00Z");
        assert_eq!(parsed("0s"), "2026-11-23T07:00:00Z");
    }

    #[test]
    fn every_calendar_form_is_read() {
        for (text, expected) in [
            ("2026-11-23", "2026-11-23T00:00:00Z"),
            ("2026-11-23T15Z", "2026-11-23T15:00:00Z"),
            ("2026-11-23T15+02:00", "2026-11-23T13:00:00Z"),
            ("2026-11-23T15:04Z", "2026-11-23T15:04:00Z"),
            ("2026-11-23T15:04-01:30", "2026-11-23T16:34:00Z"),
            ("2026-11-23T15:04:05Z", "2026-11-23T15:04:05Z"),
            ("2026-11-23T15:04:05.25+00:00", "2026-11-23T15:04:05.25Z"),
            ("2026-11-23T15:04:05.123456789Z", "2026-11-23T15:04:05.123456789Z"),
            ("Mon, 23 Nov 2026 15:04:05 +0100", "2026-11-23T14:04:05Z"),
        ] {
            assert_eq!(parsed(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_refused_with_the_forms_that_are() {
        for text in [
            "",
            "yesterday",
            "90",
            "5y",
            "-",
            "2026-13-01",
            "2026-11-23T15",
            "2026-11-23T25Z",
            "2026-11-23T15:04:05.Z",
            "2026-11-23T15:04:05.1234567890Z",
            "2026-11-23T15:04:05:06Z",
            "2026-11-23T15:04+0100",
            "Nov 23 07:00:00.000",
            "99999999999999999999h",
        ] {
            let reason = parse(text, now()).unwrap_err();
            assert!(reason.starts_with(&format!("failed to convert {text} to time")), "{text}");
        }
    }
}
