//! Reads a limit as an operator writes it, and names everything that is wrong with it, field by field.

use std::{fmt, str::FromStr};

use serde_json::{Map, Value};

use crate::{Amount, CalendarUnit, LimitKind, LimitScope, LimitSpec, Mode, Selector, ServerId, ToolName, Unit, Window};

/// Members of an object.
type Members = Map<String, Value>;

/// The most calls at the same time that one account keeps apart.
const MAX_CONCURRENCY: u64 = 1_000;
/// The longest length in which a rate refills, in milliseconds: a week.
const MAX_REFILL: u64 = 7 * 24 * 3_600_000;

/// Whether a field should not be there, or is not what it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wrong {
    /// There is no such field.
    Unknown,
    /// It is missing, or its value can't be taken.
    Invalid,
}

/// What is wrong with one field of a limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitError {
    /// Where it stands: `["scope", "key"]`.
    pub path: Vec<String>,
    /// Of which sort the mistake is.
    pub wrong: Wrong,
    /// What to write instead.
    pub detail: String,
}

impl fmt::Display for LimitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.join("."), self.detail)
    }
}

impl LimitSpec {
    /// The names of its fields.
    pub const FIELDS: [&'static str; 8] = ["scope", "kind", "unit", "amount", "window", "burst", "mode", "fail_open"];

    /// Reads a limit from the members of an object. `null` counts as left out.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn read(members: &Members) -> Result<Self, Vec<LimitError>> {
        let mut fields = Fields { errors: Vec::new() };
        fields.refuse_unknown(&[], members, &Self::FIELDS);
        let scope = match given(members, "scope") {
            Some(Value::Object(scope)) => read_scope(&mut fields, scope),
            Some(_) => fields.invalid(&["scope"], "write an object, empty for the tenant itself").unwrap_or_default(),
            None => fields.invalid(&["scope"], REQUIRED).unwrap_or_default(),
        };
        let kind = fields.word(members, "kind", LimitKind::ALL, LimitKind::as_str);
        let kind = kind.or_else(|| fields.need(members, "kind"));
        let unit = fields.word(members, "unit", Unit::ALL, Unit::as_str);
        let unit = unit.or_else(|| fields.need(members, "unit"));
        let amount = fields.amount(members, "amount");
        let amount = amount.or_else(|| fields.need(members, "amount"));
        let window = given(members, "window").and_then(|value| match Window::read(value) {
            Ok(window) => Some(window),
            Err(error) => fields.invalid(&["window"], error.to_string()),
        });
        let burst = fields.amount(members, "burst");
        let mode = fields.word(members, "mode", Mode::ALL, Mode::as_str).unwrap_or_default();
        let fail_open = given(members, "fail_open").and_then(|value| match value.as_bool() {
            Some(flag) => Some(flag),
            None => fields.invalid(&["fail_open"], "write true or false"),
        });
        let (Some(kind), Some(unit), Some(amount)) = (kind, unit, amount) else { return Err(fields.errors) };
        let fail_open = fail_open.unwrap_or(false);
        let spec = Self { scope, kind, unit, amount, window, burst, mode, fail_open };
        fields.agree(&spec, given(members, "window").is_some());
        if fields.errors.is_empty() { Ok(spec) } else { Err(fields.errors) }
    }
}

const REQUIRED: &str = "it is required";

fn given<'a>(members: &'a Members, name: &str) -> Option<&'a Value> {
    members.get(name).filter(|value| !value.is_null())
}

fn read_scope(fields: &mut Fields, members: &Members) -> LimitScope {
    fields.refuse_unknown(&["scope"], members, &["key", "team", "user", "server", "tool"]);
    let scope = LimitScope {
        key: fields.selector(members, "key"),
        team: fields.selector(members, "team"),
        user: fields.selector(members, "user"),
        server: fields.selector(members, "server"),
        tool: fields.selector(members, "tool"),
    };
    if let (None, Some(Selector::One(tool))) = (&scope.server, &scope.tool)
        && !names_its_server(tool)
    {
        let detail = "write \"server__tool\", or the server under \"server\" and the tool's own name here";
        fields.invalid::<()>(&["scope", "tool"], detail);
    }
    scope
}

fn names_its_server(tool: &ToolName) -> bool {
    let parts = tool.as_str().split_once("__");
    parts.is_some_and(|(server, name)| ServerId::new(server).is_ok() && !name.is_empty())
}

struct Fields {
    errors: Vec<LimitError>,
}

impl Fields {
    fn wrong(&mut self, path: &[&str], wrong: Wrong, detail: impl Into<String>) {
        let path = path.iter().map(ToString::to_string).collect();
        self.errors.push(LimitError { path, wrong, detail: detail.into() });
    }

    fn invalid<T>(&mut self, path: &[&str], detail: impl Into<String>) -> Option<T> {
        self.wrong(path, Wrong::Invalid, detail);
        None
    }

    fn refuse_unknown(&mut self, path: &[&str], members: &Members, known: &[&str]) {
        for name in members.keys().filter(|name| !known.contains(&name.as_str())) {
            let at = [path, &[name]].concat();
            self.wrong(&at, Wrong::Unknown, format!("there is no such field; there are {}", known.join(", ")));
        }
    }

    fn need<T>(&mut self, members: &Members, name: &str) -> Option<T> {
        if given(members, name).is_none() {
            self.wrong(&[name], Wrong::Invalid, REQUIRED);
        }
        None
    }

    fn word<T: Copy>(
        &mut self,
        members: &Members,
        name: &str,
        all: &[T],
        spelled: impl Fn(T) -> &'static str,
    ) -> Option<T> {
        let value = given(members, name)?;
        let found = all.iter().copied().find(|word| value.as_str() == Some(spelled(*word)));
        let words = || all.iter().map(|word| format!("{:?}", spelled(*word))).collect::<Vec<_>>().join(", ");
        found.or_else(|| self.invalid(&[name], format!("write one of {}", words())))
    }

    fn amount(&mut self, members: &Members, name: &str) -> Option<Amount> {
        let value = given(members, name)?;
        let amount = value.as_u64().and_then(|number| Amount::new(number).ok());
        amount.or_else(|| self.invalid(&[name], "write a whole number from 0 to 1000000000000000 (10^15)"))
    }

    fn selector<T: FromStr<Err: fmt::Display>>(&mut self, members: &Members, name: &str) -> Option<Selector<T>> {
        let path = ["scope", name];
        match given(members, name)? {
            Value::String(text) => match text.parse() {
                Ok(selector) => Some(selector),
                Err(error) => self.invalid(&path, format!("{error} (or \"*\", for each)")),
            },
            _ => self.invalid(&path, "write a string: one value, or \"*\" for each"),
        }
    }

    /// What fields must have to do with each other.
    fn agree(&mut self, spec: &LimitSpec, window_given: bool) {
        match spec.kind {
            LimitKind::Budget => self.budget(spec),
            LimitKind::Rate => self.rate(spec, window_given),
            LimitKind::Concurrency => self.concurrency(spec, window_given),
        }
        if spec.kind != LimitKind::Rate && spec.burst.is_some() {
            self.invalid::<()>(&["burst"], "only a rate has a burst");
        }
    }

    fn budget(&mut self, spec: &LimitSpec) {
        if matches!(spec.window, Some(Window::Calendar(CalendarUnit::Second, _))) {
            self.invalid::<()>(&["window"], "a budget's window is a minute or longer, or a length like \"1s\"");
        }
    }

    fn rate(&mut self, spec: &LimitSpec, window_given: bool) {
        if !window_given {
            self.invalid::<()>(&["window"], "a rate needs the length in which it refills: \"minute\" or \"15m\"");
        }
        let Some(window) = &spec.window else { return };
        if matches!(window, Window::Calendar(_, zone) if !zone.is_utc()) {
            self.invalid::<()>(&["window"], "a rate refills all the time, in no zone: write \"day\" or \"24h\"");
        } else if window.millis().is_none_or(|millis| millis > MAX_REFILL) {
            self.invalid::<()>(&["window"], "a rate refills within a second to a week (\"second\" to \"week\")");
        }
        if spec.burst.is_some_and(Amount::is_zero) && !spec.amount.is_zero() {
            self.invalid::<()>(&["burst"], "a bucket that holds nothing lets nothing through: write 1 or more");
        }
    }

    fn concurrency(&mut self, spec: &LimitSpec, window_given: bool) {
        if window_given {
            self.invalid::<()>(&["window"], "calls at the same time have no window: leave it out");
        }
        if spec.unit != Unit::Calls {
            self.invalid::<()>(&["unit"], "only calls can be counted at the same time: write \"calls\"");
        }
        if spec.mode == Mode::Leased {
            self.invalid::<()>(&["mode"], "calls at the same time are counted strictly: write \"strict\"");
        }
        if spec.amount.get() > MAX_CONCURRENCY {
            self.invalid::<()>(&["amount"], format!("at most {MAX_CONCURRENCY} calls at the same time are counted"));
        }
    }
}

#[cfg(test)]
#[path = "limit_tests.rs"]
mod tests;
