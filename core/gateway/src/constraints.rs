//! What a call must keep to, as the operator set it for its server or its tool: when it may be made, what its arguments must be, how long
//! it and its answer may be.

use std::time::Duration;

use http::{Response, StatusCode};
use jiff::{Timestamp as Instant, civil::Weekday, tz::TimeZone};
use toolgate_catalogue::Listed;
use toolgate_model::{ArgumentCheck, Constraints, Day, QuietHours, TimeOfDay, Timestamp};
use toolgate_ports::{Body, Clock, Platform};
use toolgate_schema::{ArgumentsError, SchemaError};
use toolgate_upstream::Allowed;
use toolgate_wire::{code as rpc, splice};

use crate::{answer, code, context::Context, core::Core, line::Outcome};

/// How many days ahead the end of quiet hours is looked for: beyond a week they repeat.
const DAYS_AHEAD: usize = 9;
/// Whoever is refused in hours that never end is told to ask again after this long.
const NEVER: Duration = Duration::from_secs(24 * 3_600);

/// What a request may take in the upstream.
pub(crate) fn allowed(constraints: &Constraints) -> Allowed {
    Allowed {
        time: constraints.timeout_ms.map(Duration::from_millis),
        bytes: constraints.max_result_bytes.and_then(|bytes| usize::try_from(bytes).ok()),
    }
}

impl<P: Platform> Core<P> {
    /// Refuses a call that the constraints don't let be made now, or with these arguments.
    pub(crate) fn keeps(
        &self,
        context: &Context<P>,
        id: &str,
        constraints: &Constraints,
        called: Option<(&Listed, Option<&str>)>,
    ) -> Result<(), Box<Response<Body>>> {
        let Err(broken) = check(constraints, self.platform.clock().now(), called) else { return Ok(()) };
        context.line.rule(broken.rule());
        context.line.outcome(if matches!(broken, Broken::Arguments(_)) {
            Outcome::BadRequest
        } else {
            Outcome::Refused
        });
        let (code, words, data) = match &broken {
            Broken::Quiet { until, wait } => {
                let data = format!("{{\"until\":\"{until}\",\"retry_after_ms\":{}}}", wait.as_millis());
                (code::QUIET_HOURS, format!("{broken}."), Some(data))
            }
            Broken::Uncheckable(_) => {
                context.line.detail(broken.to_string());
                let words =
                    "The arguments can't be checked against the tool's schema, and an operator wants them checked.";
                (code::UNCHECKABLE, words.to_owned(), None)
            }
            Broken::Arguments(error) => (rpc::INVALID_PARAMS, format!("Invalid params: {error}"), mismatches(error)),
        };
        Err(Box::new(answer::error(StatusCode::OK, Some(id), code, &words, data.as_deref())))
    }
}

/// What keeps a call from being made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Broken<'a> {
    /// It is quiet.
    #[error("These are quiet hours: nothing is called here until {until}")]
    Quiet {
        /// Until then.
        until: Timestamp,
        /// For so long.
        wait: Duration,
    },
    /// The arguments are to be checked, and can't be.
    #[error("the arguments can't be checked: {0}")]
    Uncheckable(&'a SchemaError),
    /// The arguments are not what the tool's schema wants.
    #[error("the arguments are not what the tool's schema wants: {0}")]
    Arguments(ArgumentsError),
}

impl Broken<'_> {
    /// The rule's name in the log.
    pub(crate) const fn rule(&self) -> &'static str {
        match self {
            Self::Quiet { .. } => "quiet-hours",
            Self::Uncheckable(_) => "arguments-unchecked",
            Self::Arguments(_) => "arguments",
        }
    }
}

/// Whether a call may be made at `now`, and, if it is known what is called and with which arguments, with these.
pub(crate) fn check<'a>(
    constraints: &Constraints,
    now: Timestamp,
    called: Option<(&'a Listed, Option<&str>)>,
) -> Result<(), Broken<'a>> {
    if let Some(wait) = quiet_for(constraints.quiet_hours.as_deref().unwrap_or_default(), now) {
        let until = now.plus_millis(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
        return Err(Broken::Quiet { until, wait });
    }
    let (Some(ArgumentCheck::Checked), Some((tool, arguments))) = (constraints.arguments, called) else {
        return Ok(());
    };
    let schema = tool.schema().map_err(Broken::Uncheckable)?;
    schema.check(arguments.unwrap_or("{}")).map_err(Broken::Arguments)
}

/// What is wrong with arguments, for a program.
fn mismatches(error: &ArgumentsError) -> Option<String> {
    let ArgumentsError::Mismatches(mismatches) = error else { return None };
    let one = |mismatch: &toolgate_schema::Mismatch| {
        let (pointer, message) = (splice::quote(&mismatch.pointer), splice::quote(&mismatch.message));
        format!("{{\"pointer\":{pointer},\"message\":{message}}}")
    };
    Some(format!("{{\"mismatches\":[{}]}}", mismatches.iter().map(one).collect::<Vec<_>>().join(",")))
}

/// For how long it is still quiet, if it is.
fn quiet_for(hours: &[QuietHours], now: Timestamp) -> Option<Duration> {
    if hours.is_empty() {
        return None;
    }
    let now = Instant::from_millisecond(i64::try_from(now.as_millis()).ok()?).ok()?;
    let told: Vec<Told<'_>> = hours.iter().map(Told::of).collect();
    let quiet = |at: Instant| told.iter().any(|told| told.hold(at));
    if !quiet(now) {
        return None;
    }
    let mut ends: Vec<Instant> = told.iter().flat_map(|told| told.ends(now)).filter(|end| *end > now).collect();
    ends.sort_unstable();
    let end = ends.into_iter().find(|end| !quiet(*end));
    let wait = end.and_then(|end| u64::try_from(end.as_millisecond() - now.as_millisecond()).ok());
    Some(wait.map_or(NEVER, Duration::from_millis))
}

/// Quiet hours in their zone. Hours in a zone that is not known are always quiet: what can't be told is refused.
struct Told<'a> {
    hours: &'a QuietHours,
    zone: Option<TimeZone>,
}

impl<'a> Told<'a> {
    fn of(hours: &'a QuietHours) -> Self {
        let zone = match hours.zone.as_deref() {
            None => Some(TimeZone::UTC),
            Some(name) => toolgate_zones::zone(name),
        };
        Self { hours, zone }
    }

    fn hold(&self, at: Instant) -> bool {
        let Some(zone) = &self.zone else { return true };
        let local = zone.to_datetime(at);
        let minutes = u16::try_from(i32::from(local.hour()) * 60 + i32::from(local.minute())).unwrap_or_default();
        self.hours.hold(day(local.weekday()), TimeOfDay::from_minutes(minutes))
    }

    /// When they end, on the days from `now` on.
    fn ends(&self, now: Instant) -> Vec<Instant> {
        let Some(zone) = &self.zone else { return Vec::new() };
        let minutes = self.hours.to.minutes();
        let (hour, minute) =
            (i8::try_from(minutes / 60).unwrap_or_default(), i8::try_from(minutes % 60).unwrap_or_default());
        let today = zone.to_datetime(now).date();
        let days = std::iter::successors(Some(today), |date| date.tomorrow().ok()).take(DAYS_AHEAD);
        days.filter_map(|date| zone.to_timestamp(date.at(hour, minute, 0, 0)).ok()).collect()
    }
}

const fn day(weekday: Weekday) -> Day {
    match weekday {
        Weekday::Monday => Day::Mon,
        Weekday::Tuesday => Day::Tue,
        Weekday::Wednesday => Day::Wed,
        Weekday::Thursday => Day::Thu,
        Weekday::Friday => Day::Fri,
        Weekday::Saturday => Day::Sat,
        Weekday::Sunday => Day::Sun,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hours(text: &str) -> Vec<QuietHours> {
        serde_json::from_str(text).unwrap()
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn quiet_hours_are_told_in_their_zone_and_end() {
        let nights = hours(r#"[{"from":"22:00","to":"06:00","zone":"Europe/Berlin"}]"#);
        assert_eq!(quiet_for(&nights, at("2026-11-25T20:59:59Z")), None);
        assert_eq!(quiet_for(&nights, at("2026-11-25T21:00:00Z")), Some(Duration::from_secs(8 * 3_600)));
        assert_eq!(quiet_for(&nights, at("2026-11-26T04:59:30Z")), Some(Duration::from_secs(30)));
        // In summer the zone is two hours ahead.
        assert_eq!(quiet_for(&nights, at("2026-07-01T04:00:00Z")), None);
    }

    #[test]
    fn hours_that_follow_each_other_end_together_and_some_never_do() {
        let day = hours(r#"[{"from":"00:00","to":"12:00"},{"from":"11:00","to":"18:30"}]"#);
        assert_eq!(quiet_for(&day, at("2026-11-25T11:30:00Z")), Some(Duration::from_secs(7 * 3_600)));
        let always = hours(r#"[{"from":"00:00","to":"12:00"},{"from":"12:00","to":"00:00"}]"#);
        assert_eq!(quiet_for(&always, at("2026-11-25T11:30:00Z")), Some(NEVER));
        let unknown = hours(r#"[{"from":"03:00","to":"04:00","zone":"Mars/Olympus"}]"#);
        assert_eq!(quiet_for(&unknown, at("2026-11-25T11:30:00Z")), Some(NEVER));
    }
}
