//! What calls of a tool must keep to: time, size, what they may do, and when. Nothing here knows a clock or a time zone's rules: who
//! asks gives the local day and minute.

use std::{borrow::Cow, fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The longest that a call may be allowed to take, in milliseconds.
pub const MAX_TIMEOUT_MS: u64 = 900_000;
/// The longest result that may be allowed, in bytes.
pub const MAX_RESULT_BYTES: u64 = 16 << 20;
/// The most quiet hours of a tool or a server.
pub const MAX_QUIET_HOURS: usize = 20;
const MINUTES_PER_DAY: u16 = 24 * 60;

/// Whether a call's arguments are held against the tool's schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ArgumentCheck {
    /// A call whose arguments don't fit is refused.
    Checked,
    /// The server sees to it.
    Unchecked,
}

/// Which tools may be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ToolAccess {
    /// All.
    All,
    /// Those that say of themselves that they only read (`readOnlyHint`).
    ReadOnly,
}

/// What calls must keep to. What is left out is as the gateway has it for everybody.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Constraints {
    /// How long a call may take, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
    /// How long a result may be, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_result_bytes: Option<u64>,
    /// Whether arguments are checked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arguments: Option<ArgumentCheck>,
    /// Which tools may be called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access: Option<ToolAccess>,
    /// When nothing may be called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quiet_hours: Option<Vec<QuietHours>>,
}

impl Constraints {
    /// Whether nothing is said.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// These, and of `others` what is not said here.
    #[must_use]
    pub fn or(&self, others: &Self) -> Self {
        Self {
            timeout_ms: self.timeout_ms.or(others.timeout_ms),
            max_result_bytes: self.max_result_bytes.or(others.max_result_bytes),
            arguments: self.arguments.or(others.arguments),
            access: self.access.or(others.access),
            quiet_hours: self.quiet_hours.clone().or_else(|| others.quiet_hours.clone()),
        }
    }
}

/// A time in which nothing may be called, every day or on some. One that begins before midnight and ends after it belongs to the day on
/// which it begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuietHours {
    /// From when, included.
    pub from: TimeOfDay,
    /// Until when, not included.
    pub to: TimeOfDay,
    /// On which days it begins. None: on every day.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub days: Vec<Day>,
    /// The IANA time zone it is told in, `Europe/Berlin`; UTC if none is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
}

impl QuietHours {
    /// Whether it is quiet at `time` of `day`, both told in the zone of these hours.
    #[must_use]
    pub fn hold(&self, day: Day, time: TimeOfDay) -> bool {
        let begins = |day: Day| self.days.is_empty() || self.days.contains(&day);
        if self.from <= self.to {
            return begins(day) && self.from <= time && time < self.to;
        }
        (begins(day) && self.from <= time) || (begins(day.before()) && time < self.to)
    }
}

/// A day of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Day {
    /// Monday.
    Mon,
    /// Tuesday.
    Tue,
    /// Wednesday.
    Wed,
    /// Thursday.
    Thu,
    /// Friday.
    Fri,
    /// Saturday.
    Sat,
    /// Sunday.
    Sun,
}

impl Day {
    /// The week, as ISO 8601 has it.
    pub const ALL: [Self; 7] = [Self::Mon, Self::Tue, Self::Wed, Self::Thu, Self::Fri, Self::Sat, Self::Sun];

    /// As the API spells it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Mon => "mon",
            Self::Tue => "tue",
            Self::Wed => "wed",
            Self::Thu => "thu",
            Self::Fri => "fri",
            Self::Sat => "sat",
            Self::Sun => "sun",
        }
    }

    const fn before(self) -> Self {
        match self {
            Self::Mon => Self::Sun,
            Self::Tue => Self::Mon,
            Self::Wed => Self::Tue,
            Self::Thu => Self::Wed,
            Self::Fri => Self::Thu,
            Self::Sat => Self::Fri,
            Self::Sun => Self::Sat,
        }
    }
}

/// A minute of a day: `22:00`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct TimeOfDay(u16);

/// The text is no time of day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("write a time of day from \"00:00\" to \"23:59\"")]
pub struct TimeOfDayError;

impl TimeOfDay {
    /// Of the minutes since midnight; beyond a day it begins anew.
    #[must_use]
    pub const fn from_minutes(minutes: u16) -> Self {
        Self(minutes % MINUTES_PER_DAY)
    }

    /// The minutes since midnight.
    #[must_use]
    pub const fn minutes(self) -> u16 {
        self.0
    }
}

impl fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0 / 60, self.0 % 60)
    }
}

impl FromStr for TimeOfDay {
    type Err = TimeOfDayError;

    fn from_str(text: &str) -> Result<Self, TimeOfDayError> {
        let two = |digits: &str, below: u16| -> Option<u16> {
            let well = digits.len() == 2 && digits.bytes().all(|b| b.is_ascii_digit());
            digits.parse().ok().filter(|number| well && *number < below)
        };
        let (hours, minutes) = text.split_once(':').ok_or(TimeOfDayError)?;
        let time = two(hours, 24).zip(two(minutes, 60)).map(|(hours, minutes)| Self(hours * 60 + minutes));
        time.ok_or(TimeOfDayError)
    }
}

impl Serialize for TimeOfDay {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for TimeOfDay {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Cow::<'de, str>::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(text: &str) -> TimeOfDay {
        text.parse().unwrap()
    }

    fn hours(from: &str, to: &str, days: &[Day]) -> QuietHours {
        QuietHours { from: at(from), to: at(to), days: days.to_vec(), zone: None }
    }

    #[test]
    fn hours_within_a_day() {
        let quiet = hours("12:00", "13:30", &[Day::Mon]);
        for (day, time, expected) in [
            (Day::Mon, "11:59", false),
            (Day::Mon, "12:00", true),
            (Day::Mon, "13:29", true),
            (Day::Mon, "13:30", false),
            (Day::Tue, "12:30", false),
        ] {
            assert_eq!(quiet.hold(day, at(time)), expected, "{day:?} {time}");
        }
    }

    #[test]
    fn hours_past_midnight_belong_to_the_day_they_begin_on() {
        let quiet = hours("22:00", "06:00", &[Day::Fri]);
        for (day, time, expected) in [
            (Day::Fri, "21:59", false),
            (Day::Fri, "22:00", true),
            (Day::Sat, "05:59", true),
            (Day::Sat, "06:00", false),
            (Day::Fri, "05:00", false),
            (Day::Sat, "23:00", false),
        ] {
            assert_eq!(quiet.hold(day, at(time)), expected, "{day:?} {time}");
        }
        assert!(Day::ALL.into_iter().all(|day| hours("22:00", "06:00", &[]).hold(day, at("00:00"))));
    }

    #[test]
    fn times_and_days_are_spelled_in_one_way() {
        for (good, minutes) in [("00:00", 0), ("06:05", 365), ("23:59", 1_439)] {
            assert_eq!(good.parse(), Ok(TimeOfDay::from_minutes(minutes)));
            assert_eq!(TimeOfDay::from_minutes(minutes).to_string(), good);
        }
        for bad in ["", "24:00", "12:60", "1:00", "12", "12:0", "+1:00", "12:000", " 2:00", "é:00"] {
            assert!(bad.parse::<TimeOfDay>().is_err(), "{bad}");
        }
        for day in Day::ALL {
            assert_eq!(serde_json::to_value(day).unwrap(), day.as_str());
        }
    }

    #[test]
    fn what_a_tool_says_wins_one_by_one() {
        let server = Constraints {
            timeout_ms: Some(1),
            access: Some(ToolAccess::ReadOnly),
            quiet_hours: Some(vec![hours("22:00", "06:00", &[])]),
            ..Constraints::default()
        };
        let tool = Constraints { access: Some(ToolAccess::All), quiet_hours: Some(vec![]), ..Constraints::default() };
        let both = tool.or(&server);
        assert_eq!((both.timeout_ms, both.access, both.quiet_hours), (Some(1), Some(ToolAccess::All), Some(vec![])));
        assert_eq!(Constraints::default().or(&server), server);
        assert!(Constraints::default().is_empty() && !server.is_empty());
    }

    proptest! {
        #[test]
        fn each_minute_of_the_week_is_quiet_by_these_hours_or_by_the_rest_of_the_day(
            from in 0_u16..1440, to in 0_u16..1440, day in 0_usize..7, time in 0_u16..1440,
        ) {
            prop_assume!(from != to);
            let [from, to, time] = [from, to, time].map(TimeOfDay::from_minutes);
            let quiet = QuietHours { from, to, days: vec![], zone: None };
            let rest = QuietHours { from: to, to: from, days: vec![], zone: None };
            prop_assert_ne!(quiet.hold(Day::ALL[day], time), rest.hold(Day::ALL[day], time));
        }
    }
}
