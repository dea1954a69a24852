//! Functions and loops.

use super::{Checker, Typed};
use crate::{
    ast::{Expr, Kind},
    bounds::MAX_LOOPS,
    cidr::Cidr,
    guard::Present,
    node::{Body, Loop, Node, Op, Probe, Unary},
    pattern::Pattern,
    problem::{Checked, Position, Problem},
    schema,
    types::Type,
};

/// A call as it is written: what stands before the dot, the name, and what stands between the parentheses.
type Call<'e> = (Option<&'e Expr>, &'e str, &'e [Expr]);

impl Checker<'_> {
    pub(super) fn call(&mut self, at: Position, call: Call<'_>, present: &[Present]) -> Checked<Typed> {
        match call {
            (None, "has", [argument]) => self.has(at, argument, present),
            (None, "size", [value]) | (Some(value), "size", []) => self.unary(at, Unary::Size, value, present),
            (Some(value), "lowerAscii", []) => self.unary(at, Unary::LowerAscii, value, present),
            (None, "string", [value]) => self.unary(at, Unary::String, value, present),
            (None, "int", [value]) => self.unary(at, Unary::Int, value, present),
            (None, "double", [value]) => self.unary(at, Unary::Double, value, present),
            (Some(text), "contains", [other]) => self.probe(at, Probe::Contains, [text, other], present),
            (Some(text), "startsWith", [other]) => self.probe(at, Probe::StartsWith, [text, other], present),
            (Some(text), "endsWith", [other]) => self.probe(at, Probe::EndsWith, [text, other], present),
            (Some(text), "matches", [pattern]) | (None, "matches", [text, pattern]) => {
                self.matches(at, text, pattern, present)
            }
            (None, "inCidr", [address, range]) => self.in_cidr(at, address, range, present),
            (Some(range), "all" | "exists" | "exists_one" | "filter" | "map", [variable, body]) => {
                self.repeat(at, call.1, [range, variable, body], None, present)
            }
            (Some(range), "map", [variable, test, each]) => {
                self.repeat(at, "map", [range, variable, each], Some(test), present)
            }
            (_, name, _) => usage(name).at(at),
        }
    }

    fn unary(&mut self, at: Position, function: Unary, value: &Expr, present: &[Present]) -> Checked<Typed> {
        let (value, of) = self.expr(value, present)?;
        let (goes, wanted, result) = match function {
            Unary::Size => (
                matches!(of, Type::Text | Type::List(_) | Type::Map(_) | Type::Dyn),
                "a string, a list or a map",
                Type::Int,
            ),
            Unary::LowerAscii => (of.may_be(&Type::Text), "string", Type::Text),
            Unary::String => (
                of.may_be_number() || matches!(of, Type::Text | Type::Bool),
                "a number, a bool or a string",
                Type::Text,
            ),
            Unary::Int => (of.may_be_number() || of == Type::Text, "a number or a string", Type::Int),
            Unary::Double => (of.may_be_number() || of == Type::Text, "a number or a string", Type::Double),
        };
        if !goes {
            return Problem::Mismatch { what: function.name(), wanted, found: of, hint: "" }.at(at);
        }
        Ok((Node { at, op: Op::Unary(function, Box::new(value)) }, result))
    }

    fn text(&mut self, what: &'static str, expr: &Expr, present: &[Present]) -> Checked<Node> {
        match self.expr(expr, present)? {
            (node, of) if of.may_be(&Type::Text) => Ok(node),
            (node, found) => {
                let list = matches!(found, Type::List(_) | Type::Map(_));
                let hint = if list { ": whether a list holds a value, in says" } else { "" };
                Problem::Mismatch { what, wanted: "string", found, hint }.at(node.at)
            }
        }
    }

    fn probe(&mut self, at: Position, probe: Probe, [text, other]: [&Expr; 2], present: &[Present]) -> Checked<Typed> {
        let text = self.text(probe.name(), text, present)?;
        let other = self.text(probe.name(), other, present)?;
        Ok((Node { at, op: Op::Probe(probe, Box::new([text, other])) }, Type::Bool))
    }

    fn matches(&mut self, at: Position, text: &Expr, pattern: &Expr, present: &[Present]) -> Checked<Typed> {
        let text = self.text("matches", text, present)?;
        let Kind::Text(literal) = &pattern.kind else {
            return Problem::NotALiteral { what: "a regular expression" }.at(pattern.at);
        };
        self.patterns += 1;
        if self.patterns > self.bounds.patterns {
            return Problem::TooManyPatterns { most: self.bounds.patterns }.at(at);
        }
        let compiled = Pattern::new(literal).or_else(|problem| problem.at(pattern.at))?;
        Ok((Node { at, op: Op::Matches(Box::new(text), Box::new(compiled)) }, Type::Bool))
    }

    fn in_cidr(&mut self, at: Position, address: &Expr, range: &Expr, present: &[Present]) -> Checked<Typed> {
        let address = self.text("inCidr", address, present)?;
        let Kind::Text(text) = &range.kind else {
            return Problem::NotALiteral { what: "a range of addresses" }.at(range.at);
        };
        let shown = || text.chars().take(60).collect();
        let cidr = Cidr::parse(text).or_else(|hint| Problem::Cidr { text: shown(), hint }.at(range.at))?;
        Ok((Node { at, op: Op::InCidr(Box::new(address), cidr) }, Type::Bool))
    }

    /// `range.all(variable, body)` and its like.
    fn repeat(
        &mut self,
        at: Position,
        name: &str,
        [range, variable, body]: [&Expr; 3],
        test: Option<&Expr>,
        present: &[Present],
    ) -> Checked<Typed> {
        let (range, of) = self.expr(range, present)?;
        let of = match of {
            Type::List(of) => *of,
            Type::Map(_) => Type::Text,
            Type::Dyn => Type::Dyn,
            found => return Problem::Mismatch { what: "a loop", wanted: "a list or a map", found, hint: "" }.at(at),
        };
        let Kind::Name(variable_name) = &variable.kind else { return usage(name).at(variable.at) };
        if self.variables.len() == MAX_LOOPS {
            return Problem::TooManyLoops { most: MAX_LOOPS }.at(at);
        }
        if schema::root(variable_name).is_some() || self.variables.iter().any(|(own, _)| own == variable_name) {
            return Problem::NameTaken(variable_name.clone()).at(variable.at);
        }
        self.variables.push((variable_name.clone(), of.clone()));
        let body = self.body(name, of, body, test, present);
        self.variables.pop();
        let (body, of) = body?;
        Ok((Node { at, op: Op::Loop(Box::new(Loop { range, body })) }, of))
    }

    fn body(
        &mut self,
        name: &str,
        element: Type,
        body: &Expr,
        test: Option<&Expr>,
        present: &[Present],
    ) -> Checked<(Body, Type)> {
        if name == "map" {
            let test = test.map(|test| self.bool_part("map", test, present)).transpose()?;
            let (each, of) = self.expr(body, present)?;
            return Ok((Body::Gather { test, each: Some(each) }, of.list()));
        }
        let test = self.bool_part("a loop's condition", body, present)?;
        Ok(match name {
            "all" => (Body::All(test), Type::Bool),
            "exists" => (Body::Exists(test), Type::Bool),
            "exists_one" => (Body::ExistsOne(test), Type::Bool),
            _ => (Body::Gather { test: Some(test), each: None }, element.list()),
        })
    }
}

/// How a function is called, if there is one of that name.
fn usage(name: &str) -> Problem {
    Problem::Call(match name {
        "has" => "has(principal.team)",
        "size" => "size(value)",
        "lowerAscii" => "text.lowerAscii()",
        "string" => "string(value)",
        "int" => "int(value)",
        "double" => "double(value)",
        "contains" => "text.contains(\"part\")",
        "startsWith" => "text.startsWith(\"beginning\")",
        "endsWith" => "text.endsWith(\"end\")",
        "matches" => "text.matches(\"^pattern$\")",
        "inCidr" => "inCidr(network.ip, \"10.0.0.0/8\")",
        "all" => "list.all(x, condition of x)",
        "exists" => "list.exists(x, condition of x)",
        "exists_one" => "list.exists_one(x, condition of x)",
        "filter" => "list.filter(x, condition of x)",
        "map" => "list.map(x, value of x) or list.map(x, condition of x, value of x)",
        _ => return Problem::UnknownFunction(name.chars().take(60).collect()),
    })
}
