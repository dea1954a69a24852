//! What a call must keep to, as the operator set it for its server or its tool: when it may be made, what its arguments must be, how long
//! it and its answer may be.

use std::time::Duration;

use http::{Response, StatusCode};
use jiff::{Timestamp as Instant, ToSpan, civil::Weekday, tz::TimeZone};
use toolgate_catalogue::Listed;
use toolgate_model::{ArgumentCheck, Constraints, Day, QuietHours, TimeOfDay, Timestamp};
use toolgate_ports::{Body, Clock, Platform};
use toolgate_schema::ArgumentsError;
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
        let now = self.platform.clock().now();
        if let Some(wait) = quiet_for(constraints.quiet_hours.as_deref().unwrap_or_default(), now) {
            context.line.rule("quiet-hours");
            context.line.outcome(Outcome::Refused);
            let until = now.plus_millis(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
            let data = format!("{{\"until\":\"{until}\",\"retry_after_ms\":{}}}", wait.as_millis());
            let words = format!("These are quiet hours: nothing is called here until {until}.");
            let refused = answer::error(StatusCode::OK, Some(id), code::QUIET_HOURS, &words, Some(&data));
            return Err(Box::new(refused));
        }
        match (constraints.arguments, called) {
            (Some(ArgumentCheck::Checked), Some((tool, arguments))) => check(context, id, tool, arguments),
            _ => Ok(()),
        }
    }
}

/// Holds a call's arguments against its tool's schema.
fn check<P: Platform>(
    context: &Context<P>,
    id: &str,
    tool: &Listed,
    arguments: Option<&str>,
) -> Result<(), Box<Response<Body>>> {
    let schema = tool.schema().map_err(|error| {
        context.line.rule("arguments-unchecked");
        context.line.outcome(Outcome::Refused);
        context.line.detail(format!("the arguments can't be checked: {error}"));
        let words = "The arguments can't be checked against the tool's schema, and an operator wants them checked.";
        Box::new(answer::error(StatusCode::OK, Some(id), code::UNCHECKABLE, words, None))
    })?;
    schema.check(arguments.unwrap_or("{}")).map_err(|error| {
        context.line.rule("arguments");
        context.line.outcome(Outcome::BadRequest);
        let words = format!("Invalid params: {error}");
        Box::new(answer::error(StatusCode::OK, Some(id), rpc::INVALID_PARAMS, &words, mismatches(&error).as_deref()))
    })
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
            Some(name) => TimeZone::get(name).ok(),
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
        let days = today.series(1.day()).take(DAYS_AHEAD);
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
