//! Conditions made at random: of the right types, and so nearly always taken. A tape of random bytes decides, so that a shorter tape is a
//! simpler condition.

/// The members that random arguments have.
pub(crate) const NAMES: [&str; 5] = ["a", "b", "list", "flag", "Ab"];

const TEXTS: [&str; 10] =
    ["\"\"", "\"a\"", "\"b\"", "\"Ab\"", "\"list_issues\"", "\"1\"", "\"10.1.2.3\"", "\"é\"", "\"ops\"", "\"-7\""];
const INTS: [&str; 8] = ["0", "1", "2", "-1", "7", "9223372036854775807", "-9223372036854775808", "100"];
const PATTERNS: [&str; 6] = ["\"^a\"", "\"[a-z]+\"", "\"(a|b)*$\"", "\"(?i)AB\"", "\"^(.{1,3}_?)+$\"", "\"\""];
const RANGES: [&str; 4] = ["\"10.0.0.0/8\"", "\"0.0.0.0/0\"", "\"::/0\"", "\"192.168.0.0/16\""];

/// Whether conditions look at arguments, whose types nobody knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Looking {
    AtArguments,
    Elsewhere,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Int,
    Dyn,
}

/// The condition that `tape` decides.
pub(crate) fn condition(tape: &[u8], looking: Looking) -> String {
    Writer { tape, looking, variables: Vec::new() }.bool(4)
}

struct Writer<'t> {
    tape: &'t [u8],
    looking: Looking,
    variables: Vec<Kind>,
}

impl Writer<'_> {
    /// A number below `count`; 0 when the tape is at its end.
    fn pick(&mut self, count: usize) -> usize {
        let Some((first, rest)) = self.tape.split_first() else { return 0 };
        self.tape = rest;
        usize::from(*first) % count
    }

    fn one_of<'a>(&mut self, all: &[&'a str]) -> &'a str {
        all[self.pick(all.len())]
    }

    fn variable(&mut self, kind: Kind) -> Option<String> {
        let own: Vec<usize> = (0..self.variables.len()).filter(|index| self.variables[*index] == kind).collect();
        if own.is_empty() { None } else { Some(format!("v{}", own[self.pick(own.len())])) }
    }

    fn bool(&mut self, depth: usize) -> String {
        if depth == 0 || self.tape.is_empty() {
            return self.one_of(&["true", "false", "tool.annotations.readOnlyHint"]).into();
        }
        let depth = depth - 1;
        let most = if self.looking == Looking::AtArguments { 20 } else { 13 };
        match self.pick(most) {
            0 => format!("({} && {})", self.bool(depth), self.bool(depth)),
            1 => format!("({} || {} || {})", self.bool(depth), self.bool(depth), self.bool(depth)),
            2 => format!("!{}", self.bool(depth)),
            3 => format!("({} ? {} : {})", self.bool(depth), self.bool(depth), self.bool(depth)),
            4 => self.compared(depth, Kind::Int),
            5 => self.compared(depth, Kind::Text),
            6 => format!("({} in {})", self.text(depth), self.texts(depth)),
            7 => format!(
                "{}.{}({})",
                self.text(depth),
                self.one_of(&["contains", "startsWith", "endsWith"]),
                self.text(depth)
            ),
            8 => format!("{}.matches({})", self.text(depth), self.one_of(&PATTERNS)),
            9 => format!("(has(principal.team) && principal.team == {})", self.text(depth)),
            10 => format!("(\"env\" in principal.key.labels && principal.key.labels.env != {})", self.text(depth)),
            11 => {
                let address = if self.pick(4) == 0 { self.text(depth) } else { "\"10.1.2.3\"".into() };
                format!("inCidr({address}, {})", self.one_of(&RANGES))
            }
            12 => self.quantified(depth),
            13 | 14 => {
                let operator = self.one_of(&["==", "!=", "<", ">="]);
                let other = if self.pick(2) == 0 { self.int(depth) } else { self.text(depth) };
                format!("({} {operator} {other})", self.dynamic(depth))
            }
            15 => format!("has({}.{})", self.dynamic(depth), self.one_of(&NAMES)),
            16 => format!("({} in arguments)", self.text(depth)),
            17 => format!("({} && {})", self.dynamic(depth), self.bool(depth)),
            18 => format!("({} in {})", self.text(depth), self.dynamic(depth)),
            _ => format!("{}.startsWith({})", self.dynamic(depth), self.text(depth)),
        }
    }

    fn compared(&mut self, depth: usize, kind: Kind) -> String {
        let operator = self.one_of(&["==", "!=", "<", "<=", ">", ">="]);
        match kind {
            Kind::Text => format!("({} {operator} {})", self.text(depth), self.text(depth)),
            _ => format!("({} {operator} {})", self.int(depth), self.int(depth)),
        }
    }

    fn quantified(&mut self, depth: usize) -> String {
        let (range, kind) = self.range(depth);
        let quantifier = self.one_of(&["all", "exists", "exists_one"]);
        self.within(kind, |writer, variable| format!("{range}.{quantifier}({variable}, {})", writer.bool(depth)))
    }

    fn range(&mut self, depth: usize) -> (String, Kind) {
        match (self.looking, self.pick(4)) {
            (Looking::AtArguments, 0) => (self.dynamic(depth), Kind::Dyn),
            (Looking::AtArguments, 1) => ("arguments".into(), Kind::Text),
            (_, 2) => (self.ints(depth), Kind::Int),
            _ => (self.texts(depth), Kind::Text),
        }
    }

    /// Writes within a loop, unless there are too many already.
    fn within(&mut self, kind: Kind, write: impl FnOnce(&mut Self, &str) -> String) -> String {
        if self.variables.len() == 3 {
            return self.bool(0);
        }
        let variable = format!("v{}", self.variables.len());
        self.variables.push(kind);
        let written = write(self, &variable);
        self.variables.pop();
        written
    }

    fn text(&mut self, depth: usize) -> String {
        if depth == 0 || self.tape.is_empty() {
            return match (self.pick(3), self.variable(Kind::Text)) {
                (0, _) => self.one_of(&["tool.name", "principal.tenant", "server.id", "time.date"]).into(),
                (1, Some(variable)) => variable,
                _ => self.one_of(&TEXTS).into(),
            };
        }
        let depth = depth - 1;
        match self.pick(7) {
            0 => format!("({} + {})", self.text(depth), self.text(depth)),
            1 => format!("{}.lowerAscii()", self.text(depth)),
            2 => format!("string({})", self.int(depth)),
            3 => format!("({} ? {} : {})", self.bool(depth), self.text(depth), self.text(depth)),
            4 => format!("{}[{}]", self.texts(depth), self.index()),
            5 => format!("{{\"a\": {}, \"Ab\": {}}}[{}]", self.text(depth), self.text(depth), self.name(depth)),
            _ => self.text(0),
        }
    }

    fn int(&mut self, depth: usize) -> String {
        if depth == 0 || self.tape.is_empty() {
            return match (self.pick(4), self.variable(Kind::Int)) {
                (0, _) => self.one_of(&["(time.hour + 0)", "time.year", "(time.weekday + 0)"]).into(),
                (1, Some(variable)) => variable,
                _ => self.one_of(&INTS).into(),
            };
        }
        let depth = depth - 1;
        match self.pick(6) {
            0 => format!("({} {} {})", self.int(depth), self.one_of(&["+", "-", "*", "/", "%"]), self.int(depth)),
            1 => format!("size({})", self.text(depth)),
            2 => format!("size({})", self.texts(depth)),
            3 => format!("int({})", if self.pick(4) == 0 { self.text(depth) } else { "\"12\"".into() }),
            4 => format!("-({})", self.int(depth)),
            _ => self.int(0),
        }
    }

    /// Mostly a place that there is: what fails early says little.
    fn index(&mut self) -> String {
        if self.pick(4) == 0 { self.int(0) } else { "0".into() }
    }

    /// Mostly a name that there is.
    fn name(&mut self, depth: usize) -> String {
        if self.pick(4) == 0 { self.text(depth) } else { self.one_of(&["\"a\"", "\"Ab\""]).into() }
    }

    fn texts(&mut self, depth: usize) -> String {
        if depth == 0 || self.tape.is_empty() {
            let texts: Vec<String> = (0..self.pick(4)).map(|_| self.one_of(&TEXTS).to_owned()).collect();
            return if texts.is_empty() { "[tool.name]".into() } else { format!("[{}]", texts.join(", ")) };
        }
        let depth = depth - 1;
        match self.pick(6) {
            0 => format!("({} + {})", self.texts(depth), self.texts(depth)),
            1 => format!("[{}, {}]", self.text(depth), self.text(depth)),
            2 if self.variables.len() < 3 => {
                let (range, kind) = self.range(depth);
                self.within(kind, |writer, variable| format!("{range}.map({variable}, {})", writer.text(depth)))
            }
            3 if self.variables.len() < 3 => {
                let range = self.texts(depth);
                self.within(Kind::Text, |writer, variable| {
                    format!("{range}.filter({variable}, {})", writer.bool(depth))
                })
            }
            4 if self.variables.len() < 3 => {
                let range = self.texts(depth);
                self.within(Kind::Text, |writer, variable| {
                    format!("{range}.map({variable}, {}, {})", writer.bool(depth), writer.text(depth))
                })
            }
            _ => self.texts(0),
        }
    }

    fn ints(&mut self, depth: usize) -> String {
        match self.pick(2) {
            0 => format!("[{}, {}]", self.int(depth), self.int(depth)),
            _ => "[1, 2, 3]".into(),
        }
    }

    fn dynamic(&mut self, depth: usize) -> String {
        if let (0, Some(variable)) = (self.pick(2), self.variable(Kind::Dyn)) {
            return variable;
        }
        match self.pick(5) {
            0 => format!("arguments.{}.{}", self.one_of(&NAMES), self.one_of(&NAMES)),
            1 => format!("arguments[{}]", self.text(depth)),
            2 => format!("arguments.list[{}]", self.index()),
            _ => format!("arguments.{}", self.one_of(&NAMES)),
        }
    }
}
