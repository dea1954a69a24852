//! Reads the fields of a body one by one, and collects everything that is wrong with them, each with its JSON pointer.

use std::{ops::RangeInclusive, time::Duration};

use serde_json::Value;

use crate::{
    json::{Members, type_of},
    problem::{FieldError, Kind, Problem},
};

/// The longest name that people give things, in characters.
const MAX_NAME: usize = 200;

/// What every record shows and no request sets.
pub(crate) const READ_ONLY: [&str; 7] =
    ["id", "secret", "previous_expires_at", "saved_by", "created_at", "updated_at", "revision"];

/// Refuses members that are not in `known`.
pub(crate) fn refuse_unknown(members: &Members, known: &[&str]) -> Result<(), Problem> {
    refuse_unknown_at(&[], members, known)
}

/// The same, of an object that stands at `path`.
pub(crate) fn refuse_unknown_at(path: &[&str], members: &Members, known: &[&str]) -> Result<(), Problem> {
    let unknown = members.keys().filter(|name| !known.contains(&name.as_str()));
    let at = |name: &String| FieldError::at(&[path, &[name]].concat(), unknown_detail(name, known));
    let errors: Vec<FieldError> = unknown.map(at).collect();
    if errors.is_empty() { Ok(()) } else { Err(Problem::fields(Kind::UnknownField, errors)) }
}

fn unknown_detail(name: &str, known: &[&str]) -> String {
    if READ_ONLY.contains(&name) {
        return "the gateway sets this itself: leave it out".to_owned();
    }
    format!("there is no such field; there are {}", known.join(", "))
}

/// The fields of one body. `null` counts as left out.
#[derive(Debug)]
pub(crate) struct Fields {
    members: Members,
    errors: Vec<FieldError>,
    /// Where in the body the members stand.
    base: Vec<String>,
}

impl Fields {
    /// Of `members`, whose names are all known.
    pub(crate) fn new(members: Members) -> Self {
        Self { members, errors: Vec::new(), base: Vec::new() }
    }

    /// Notes what is wrong with the value at `path`.
    pub(crate) fn wrong(&mut self, path: &[&str], detail: impl Into<String>) {
        let path: Vec<&str> = self.base.iter().map(String::as_str).chain(path.iter().copied()).collect();
        self.errors.push(FieldError::at(&path, detail));
    }

    /// Reads the members of an object that stands at `path`.
    pub(crate) fn within<T>(&mut self, path: &[&str], members: Members, read: impl FnOnce(&mut Self) -> T) -> T {
        let base = self.base.iter().cloned().chain(path.iter().map(ToString::to_string)).collect();
        let mut inner = Self { members, errors: std::mem::take(&mut self.errors), base };
        let value = read(&mut inner);
        self.errors = inner.errors;
        value
    }

    /// Refuses members that are not in `known`, of an object that stands at `path`.
    pub(crate) fn refuse_unknown(&self, path: &[&str], members: &Members, known: &[&str]) -> Result<(), Problem> {
        let path: Vec<&str> = self.base.iter().map(String::as_str).chain(path.iter().copied()).collect();
        refuse_unknown_at(&path, members, known)
    }

    /// Refuses whatever is left to be read and is not in `known`.
    pub(crate) fn refuse_others(&self, known: &[&str]) -> Result<(), Problem> {
        self.refuse_unknown(&[], &self.members, known)
    }

    /// Whether the field `name` is given.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.members.get(name).is_some_and(|value| !value.is_null())
    }

    fn wrong_type(&mut self, path: &[&str], value: &Value, wanted: &str) {
        self.wrong(path, format!("it is {}: write {wanted}", type_of(value)));
    }

    /// Whatever `name` is.
    pub(crate) fn value(&mut self, name: &str) -> Option<Value> {
        self.members.remove(name).filter(|value| !value.is_null())
    }

    /// Notes it if the field `name` is not given.
    pub(crate) fn need(&mut self, name: &str) {
        if !self.has(name) {
            self.wrong(&[name], "it is required");
        }
    }

    /// A text that `parse` takes.
    pub(crate) fn text<T>(&mut self, name: &str, parse: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        let value = self.value(name)?;
        let Value::String(text) = &value else {
            self.wrong_type(&[name], &value, "a string");
            return None;
        };
        parse(text).map_err(|detail| self.wrong(&[name], detail)).ok()
    }

    /// A whole number within `range`.
    pub(crate) fn number(&mut self, name: &str, range: RangeInclusive<u64>) -> Option<u64> {
        let value = self.value(name)?;
        let number = value.as_u64().filter(|number| range.contains(number));
        if number.is_none() {
            self.wrong(&[name], format!("write a whole number from {} to {}", range.start(), range.end()));
        }
        number
    }

    /// An object.
    pub(crate) fn object(&mut self, name: &str) -> Option<Members> {
        match self.value(name)? {
            Value::Object(members) => Some(members),
            other => {
                self.wrong_type(&[name], &other, "an object");
                None
            }
        }
    }

    /// A list of at most `max` objects, each with its place in the list.
    pub(crate) fn list(&mut self, name: &str, max: usize) -> Option<Vec<(String, Members)>> {
        if !self.has(name) {
            return None;
        }
        let mut taken = Vec::new();
        for (at, item) in self.array(name, max, "an array of objects").into_iter().enumerate() {
            match item {
                Value::Object(members) => taken.push((at.to_string(), members)),
                other => self.wrong_type(&[name, &at.to_string()], &other, "an object"),
            }
        }
        Some(taken)
    }

    fn array(&mut self, name: &str, max: usize, wanted: &str) -> Vec<Value> {
        match self.value(name) {
            None => Vec::new(),
            Some(Value::Array(items)) if items.len() <= max => items,
            Some(Value::Array(items)) => {
                self.wrong(&[name], format!("it holds {} items: at most {max} are taken", items.len()));
                Vec::new()
            }
            Some(other) => {
                self.wrong_type(&[name], &other, wanted);
                Vec::new()
            }
        }
    }

    /// True or false.
    pub(crate) fn flag(&mut self, name: &str) -> Option<bool> {
        let value = self.value(name)?;
        let flag = value.as_bool();
        if flag.is_none() {
            self.wrong_type(&[name], &value, "true or false");
        }
        flag
    }

    /// A list of at most `max` texts, each of which `parse` takes.
    pub(crate) fn texts<T>(&mut self, name: &str, max: usize, parse: impl Fn(&str) -> Result<T, String>) -> Vec<T> {
        let items = self.array(name, max, "an array of strings");
        let mut taken = Vec::with_capacity(items.len());
        for (at, item) in items.iter().enumerate() {
            let path = [name, &at.to_string()];
            match item.as_str().map(&parse) {
                Some(Ok(value)) => taken.push(value),
                Some(Err(detail)) => self.wrong(&path, detail),
                None => self.wrong_type(&path, item, "a string"),
            }
        }
        taken
    }

    fn members(&mut self, name: &str, max: usize, wanted: &str) -> Members {
        match self.value(name) {
            None => Members::new(),
            Some(Value::Object(members)) if members.len() <= max => members,
            Some(Value::Object(members)) => {
                self.wrong(&[name], format!("it holds {} members: at most {max} are taken", members.len()));
                Members::new()
            }
            Some(other) => {
                self.wrong_type(&[name], &other, wanted);
                Members::new()
            }
        }
    }

    /// An object of at most `max` members, all of them objects.
    pub(crate) fn objects(&mut self, name: &str, max: usize) -> Vec<(String, Members)> {
        let members = self.members(name, max, "an object of objects");
        let mut taken = Vec::with_capacity(members.len());
        for (member, value) in members {
            match value {
                Value::Object(inner) => taken.push((member, inner)),
                other => self.wrong_type(&[name, &member], &other, "an object"),
            }
        }
        taken
    }

    /// An object of at most `max` members, all of them texts.
    pub(crate) fn map(&mut self, name: &str, max: usize) -> Vec<(String, String)> {
        let members = self.members(name, max, "an object of strings");
        let mut taken = Vec::with_capacity(members.len());
        for (member, value) in members {
            match value {
                Value::String(text) => taken.push((member, text)),
                other => self.wrong_type(&[name, &member], &other, "a string"),
            }
        }
        taken
    }

    /// All that was wrong, if anything was.
    pub(crate) fn done(self) -> Result<(), Problem> {
        if self.errors.is_empty() { Ok(()) } else { Err(Problem::fields(Kind::InvalidField, self.errors)) }
    }
}

/// A length of time, at most `max`: `90s`, `15m`, `24h`, `30d`.
pub(crate) fn duration(text: &str, max: Duration) -> Result<Duration, String> {
    let (number, unit) = text.char_indices().next_back().map_or(("", ""), |(at, _)| text.split_at(at));
    let seconds = match unit {
        "s" => Some(1),
        "m" => Some(60),
        "h" => Some(3_600),
        "d" => Some(86_400),
        _ => None,
    };
    let digits = Some(number).filter(|number| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()));
    let number: Option<u64> = digits.and_then(|digits| digits.parse().ok());
    let length = number.zip(seconds).and_then(|(number, seconds)| number.checked_mul(seconds)).map(Duration::from_secs);
    length.filter(|length| *length <= max).ok_or_else(|| {
        let days = max.as_secs() / 86_400;
        format!("write a number of seconds, minutes, hours or days, like \"24h\": at most {days} days")
    })
}

/// A name that people give something.
pub(crate) fn name(text: &str) -> Result<String, String> {
    match text.chars().count() {
        1..=MAX_NAME if !text.chars().any(char::is_control) => Ok(text.to_owned()),
        _ => Err(format!("write 1 to {MAX_NAME} characters, none of them a control character")),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MAX: Duration = Duration::from_secs(30 * 86_400);

    #[test]
    fn durations_have_one_unit_and_a_bound() {
        for (text, seconds) in [("0s", 0), ("90s", 90), ("15m", 900), ("24h", 86_400), ("30d", 30 * 86_400)] {
            assert_eq!(duration(text, MAX), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for bad in
            ["", "s", "24", "-1s", "+1s", "1.5h", "1h30m", " 1h", "1H", "31d", "99999999999999999999d", "1\u{e9}"]
        {
            assert!(duration(bad, MAX).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_judged_without_panic(text in "\\PC{0,24}") {
            prop_assert!(duration(&text, MAX).is_ok_and(|length| length <= MAX) || duration(&text, MAX).is_err());
        }
    }
}
