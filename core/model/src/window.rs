//! The stretches of time that limits count over, as records spell them. When one begins and ends is `core/ledger`'s to say.
//!
//! In JSON: `"day"` (calendar, UTC), `{"calendar": "month", "zone": "Europe/Berlin"}`, `"24h"` or `{"rolling": "24h"}`.

use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, Serializer, ser::SerializeMap};
use serde_json::Value;

/// The longest length: a leap year.
const MAX_MILLIS: u64 = 366 * 24 * 3_600_000;
/// The longest name of a time zone that is looked for.
const MAX_ZONE: usize = 64;
const UTC: &str = "UTC";

/// What a calendar is divided into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CalendarUnit {
    /// For rates only.
    Second,
    /// From full minute to full minute.
    Minute,
    /// From full hour to full hour.
    Hour,
    /// From midnight to midnight.
    Day,
    /// From Monday to Sunday (ISO 8601).
    Week,
    /// From the first to the last.
    Month,
    /// From January to December.
    Year,
}

impl CalendarUnit {
    const ALL: [Self; 7] = [Self::Second, Self::Minute, Self::Hour, Self::Day, Self::Week, Self::Month, Self::Year];

    /// As it is spelled.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Second => "second",
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Year => "year",
        }
    }

    /// Its length in milliseconds, where that is always the same (UTC).
    #[must_use]
    pub const fn millis(self) -> Option<u64> {
        match self {
            Self::Second => Some(1_000),
            Self::Minute => Some(60_000),
            Self::Hour => Some(3_600_000),
            Self::Day => Some(24 * 3_600_000),
            Self::Week => Some(7 * 24 * 3_600_000),
            Self::Month | Self::Year => None,
        }
    }

    fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|unit| unit.as_str() == text)
    }
}

/// A time zone of the IANA database, by its name. The database is in this binary.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Zone(Arc<str>);

impl Zone {
    /// Coordinated universal time.
    #[must_use]
    pub fn utc() -> Self {
        Self(UTC.into())
    }

    /// The zone called `name`, in any case of letters.
    ///
    /// # Errors
    /// If the database has none of this name.
    pub fn new(name: &str) -> Result<Self, WindowError> {
        let unknown = || WindowError::UnknownZone(name.chars().take(MAX_ZONE).collect());
        if name.len() > MAX_ZONE {
            return Err(unknown());
        }
        let (name, _) = toolgate_zones::named(name).ok_or_else(unknown)?;
        Ok(Self(name.into()))
    }

    /// Its name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is UTC, under this name.
    #[must_use]
    pub fn is_utc(&self) -> bool {
        &*self.0 == UTC
    }
}

/// Units of lengths. Each has one length, so that a day here is 24 hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum LengthUnit {
    Seconds,
    Minutes,
    Hours,
    Days,
}

impl LengthUnit {
    const fn of(letter: u8) -> Option<Self> {
        match letter {
            b's' => Some(Self::Seconds),
            b'm' => Some(Self::Minutes),
            b'h' => Some(Self::Hours),
            b'd' => Some(Self::Days),
            _ => None,
        }
    }

    const fn letter(self) -> char {
        match self {
            Self::Seconds => 's',
            Self::Minutes => 'm',
            Self::Hours => 'h',
            Self::Days => 'd',
        }
    }

    const fn millis(self) -> u64 {
        match self {
            Self::Seconds => 1_000,
            Self::Minutes => 60_000,
            Self::Hours => 3_600_000,
            Self::Days => 24 * 3_600_000,
        }
    }
}

/// A length of time as people write it: `90s`, `15m`, `24h`, `7d`. From a second to 366 days.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Length {
    count: u32,
    unit: LengthUnit,
}

impl Length {
    /// In milliseconds.
    #[must_use]
    pub const fn millis(self) -> u64 {
        self.count as u64 * self.unit.millis()
    }
}

impl FromStr for Length {
    type Err = WindowError;

    fn from_str(text: &str) -> Result<Self, WindowError> {
        let error = || WindowError::NoLength(text.chars().take(40).collect());
        let (last, digits) = text.as_bytes().split_last().ok_or_else(error)?;
        let unit = LengthUnit::of(*last).ok_or_else(error)?;
        // What `parse` takes beside digits ("+5") is none; a leading zero would be a second spelling.
        if !digits.first().is_some_and(|first| matches!(first, b'1'..=b'9')) {
            return Err(error());
        }
        let count = text[..digits.len()].parse().map_err(|_| error())?;
        let length = Self { count, unit };
        if length.millis() > MAX_MILLIS { Err(error()) } else { Ok(length) }
    }
}

impl fmt::Display for Length {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.count, self.unit.letter())
    }
}

/// What a budget counts over, or how long a rate takes to refill.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Window {
    /// A calendar's unit, in a zone.
    Calendar(CalendarUnit, Zone),
    /// So long, up to now.
    Rolling(Length),
}

/// Why a value is no window.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WindowError {
    /// It has no form of a window.
    #[error(
        "write \"minute\", \"hour\", \"day\", \"week\", \"month\", \"year\", a length like \"24h\", \
         {{\"calendar\": \"month\", \"zone\": \"Europe/Berlin\"}} or {{\"rolling\": \"24h\"}}"
    )]
    NoWindow,
    /// There is no such zone.
    #[error("{0:?} is no time zone: write a name of the IANA database, like \"Europe/Berlin\"")]
    UnknownZone(String),
    /// A length of time is not spelled as one, or is out of bounds.
    #[error("{0:?} is no length: write a number and s, m, h or d, from \"1s\" to \"366d\"")]
    NoLength(String),
}

impl Window {
    /// Reads a window as JSON spells it.
    ///
    /// # Errors
    /// What to write instead.
    pub fn read(value: &Value) -> Result<Self, WindowError> {
        match value {
            Value::String(text) => text.parse(),
            Value::Object(members) => {
                let text = |name: &str| members.get(name).and_then(Value::as_str);
                match (members.len(), text("calendar"), text("zone"), text("rolling")) {
                    (1, None, None, Some(length)) => Ok(Self::Rolling(length.parse()?)),
                    (1, Some(unit), None, None) => Self::calendar(unit, Zone::utc()),
                    (2, Some(unit), Some(zone), None) => Self::calendar(unit, Zone::new(zone)?),
                    _ => Err(WindowError::NoWindow),
                }
            }
            _ => Err(WindowError::NoWindow),
        }
    }

    fn calendar(unit: &str, zone: Zone) -> Result<Self, WindowError> {
        CalendarUnit::parse(unit).map(|unit| Self::Calendar(unit, zone)).ok_or(WindowError::NoWindow)
    }

    /// Its length in milliseconds, where that is always the same.
    #[must_use]
    pub const fn millis(&self) -> Option<u64> {
        match self {
            Self::Calendar(unit, _) => unit.millis(),
            Self::Rolling(length) => Some(length.millis()),
        }
    }
}

/// The forms that are one word.
impl FromStr for Window {
    type Err = WindowError;

    fn from_str(text: &str) -> Result<Self, WindowError> {
        if let Some(unit) = CalendarUnit::parse(text) {
            return Ok(Self::Calendar(unit, Zone::utc()));
        }
        // What begins with a digit is meant as a length, and its own error says more.
        if text.starts_with(|first: char| first.is_ascii_digit()) {
            return text.parse().map(Self::Rolling);
        }
        Err(WindowError::NoWindow)
    }
}

/// In words: `day`, `month in Europe/Berlin`, `24h`.
impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Calendar(unit, zone) if zone.is_utc() => f.write_str(unit.as_str()),
            Self::Calendar(unit, zone) => write!(f, "{} in {}", unit.as_str(), zone.as_str()),
            Self::Rolling(length) => length.fmt(f),
        }
    }
}

impl Serialize for Window {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Calendar(unit, zone) if !zone.is_utc() => {
                let mut members = serializer.serialize_map(Some(2))?;
                members.serialize_entry("calendar", unit.as_str())?;
                members.serialize_entry("zone", zone)?;
                members.end()
            }
            one_word => serializer.collect_str(one_word),
        }
    }
}

impl<'de> Deserialize<'de> for Window {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::read(&Value::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_form_reads_and_is_shown_in_its_shortest() {
        for (given, shown) in [
            (json!("minute"), json!("minute")),
            (json!("year"), json!("year")),
            (json!("24h"), json!("24h")),
            (json!({"rolling": "90s"}), json!("90s")),
            (json!({"calendar": "day"}), json!("day")),
            (json!({"calendar": "day", "zone": "utc"}), json!("day")),
            (
                json!({"calendar": "month", "zone": "europe/berlin"}),
                json!({"calendar": "month", "zone": "Europe/Berlin"}),
            ),
        ] {
            let window = Window::read(&given).unwrap();
            assert_eq!(serde_json::to_value(&window).unwrap(), shown, "{given}");
            assert_eq!(serde_json::from_value::<Window>(shown).unwrap(), window);
        }
    }

    #[test]
    fn everything_else_is_refused_with_what_to_write() {
        for (bad, said) in [
            (json!("fortnight"), "write \"minute\""),
            (json!(60), "write \"minute\""),
            (json!({"calendar": "day", "zone": "Mars/Olympus"}), "no time zone"),
            (json!({"calendar": "day", "zone": "x".repeat(10_000)}), "no time zone"),
            (json!({"calendar": "day", "rolling": "1d"}), "write \"minute\""),
            (json!({"calendar": "day", "tz": "UTC"}), "write \"minute\""),
            (json!("0s"), "no length"),
            (json!("01h"), "no length"),
            (json!("1.5h"), "no length"),
            (json!("1h30m"), "no length"),
            (json!("367d"), "no length"),
            (json!("99999999999999999999s"), "no length"),
            (json!("1w"), "no length"),
            (json!({"rolling": ""}), "no length"),
            (json!({"rolling": "+5s"}), "no length"),
            (json!({"rolling": "5ü"}), "no length"),
        ] {
            let error = Window::read(&bad).unwrap_err().to_string();
            assert!(error.contains(said) && error.len() < 400, "{bad}: {error}");
        }
    }
}
