//! The type check: from what is written to what can be evaluated. Every name must be one that rules see, every operator must go with
//! its operands, and a comparison must be able to hold.

mod calls;
mod operators;

use crate::{
    ast::{Expr, Kind},
    bounds::Bounds,
    datum::Datum,
    guard::{self, Outcome, Present},
    node::{Node, Op},
    problem::{Checked, Position, Problem},
    schema::{Member, Need, Needs, Record},
    types::Type,
};

/// Checks the conditions of one policy.
#[derive(Debug)]
pub(crate) struct Checker<'b> {
    bounds: &'b Bounds,
    /// The loops' variables, the outermost first.
    variables: Vec<(String, Type)>,
    pub(crate) needs: Needs,
    /// How many regular expressions there were.
    patterns: usize,
}

/// A part and its type.
pub(crate) type Typed = (Node, Type);

impl<'b> Checker<'b> {
    pub(crate) fn new(bounds: &'b Bounds) -> Self {
        Self { bounds, variables: Vec::new(), needs: Needs::default(), patterns: 0 }
    }

    /// Checks a whole condition.
    pub(crate) fn condition(&mut self, expr: &Expr) -> Checked<Node> {
        match self.expr(expr, &[])? {
            (node, Type::Bool) => Ok(node),
            (node, Type::Dyn) => Problem::DynCondition.at(node.at),
            (node, other) => Problem::NotACondition(other).at(node.at),
        }
    }

    /// Checks a part, behind which what is `present` is known to be there.
    fn expr(&mut self, expr: &Expr, present: &[Present]) -> Checked<Typed> {
        let at = expr.at;
        match &expr.kind {
            Kind::Null => Ok(literal(at, Datum::Null, Type::Null)),
            Kind::Bool(bool) => Ok(literal(at, Datum::Bool(*bool), Type::Bool)),
            Kind::Int(int) => Ok(literal(at, Datum::Int(*int), Type::Int)),
            Kind::Uint(uint) => Ok(literal(at, Datum::Uint(*uint), Type::Uint)),
            Kind::Double(double) => Ok(literal(at, Datum::Double(*double), Type::Double)),
            Kind::Text(text) => Ok(literal(at, Datum::Text(text.clone().into()), Type::Text)),
            Kind::Name(name) => self.name(at, name, present),
            Kind::Select(operand, name) => self.select(at, operand, name, present),
            Kind::Index(operand, index) => self.index(at, operand, index, present),
            Kind::Call(target, name, arguments) => self.call(at, (target.as_deref(), name, arguments), present),
            Kind::List(elements) => self.list(at, elements, present),
            Kind::Map(entries) => self.map(at, entries, present),
            Kind::Not(operand) => self.not(at, operand, present),
            Kind::Negate(operand) => self.negate(at, operand, present),
            Kind::And(parts) => {
                Ok((Node { at, op: Op::And(self.chain("&&", parts, Outcome::True, present)?) }, Type::Bool))
            }
            Kind::Or(parts) => {
                Ok((Node { at, op: Op::Or(self.chain("||", parts, Outcome::False, present)?) }, Type::Bool))
            }
            Kind::Choice(parts) => self.choice(at, parts, present),
            Kind::Binary(operator, parts) => self.binary(at, *operator, parts, present),
        }
    }

    fn name(&mut self, at: Position, name: &str, present: &[Present]) -> Checked<Typed> {
        if let Some(index) = self.variables.iter().position(|(own, _)| own == name) {
            return Ok((Node { at, op: Op::Variable(index) }, self.variables[index].1.clone()));
        }
        match crate::schema::root(name) {
            Some(member) => self.member(at, member, present),
            None => Problem::UnknownName(name.to_owned()).at(at),
        }
    }

    /// A member of a record, as a value.
    fn member(&mut self, at: Position, member: Member, present: &[Present]) -> Checked<Typed> {
        match member {
            Member::Record(record) => Problem::Record { record: record.path(), members: record.members() }.at(at),
            Member::Labels => Ok((Node { at, op: Op::Labels }, Type::Map(Box::new(Type::Text)))),
            Member::Arguments => {
                self.needs.insert(Need::Arguments);
                Ok((Node { at, op: Op::Arguments }, Type::Map(Box::new(Type::Dyn))))
            }
            Member::Fact(fact) => {
                if fact.optional() {
                    must_be_present(at, &Present::Fact(fact), present)?;
                }
                self.need(member);
                Ok((Node { at, op: Op::Fact(fact) }, fact.of_type()))
            }
        }
    }

    fn need(&mut self, member: Member) {
        if let Member::Fact(fact) = member
            && let Some(need) = fact.need()
        {
            self.needs.insert(need);
        }
    }

    fn select(&mut self, at: Position, operand: &Expr, name: &str, present: &[Present]) -> Checked<Typed> {
        match guard::member(operand) {
            Some(Member::Record(record)) => {
                let member = member_of(at, record, name)?;
                return self.member(at, member, present);
            }
            Some(Member::Labels) => must_be_present(at, &Present::Label(name.to_owned()), present)?,
            _ => {}
        }
        let (operand, of) = self.expr(operand, present)?;
        let of = element(of).map_or_else(|found| no_members(at, found), Ok)?;
        Ok((Node { at, op: Op::Member(Box::new(operand), name.into()) }, of))
    }

    /// `has(operand.name)`
    fn has(&mut self, at: Position, argument: &Expr, present: &[Present]) -> Checked<Typed> {
        let Kind::Select(operand, name) = &argument.kind else {
            return Problem::Call("has(principal.team); for other members, \"name\" in map").at(at);
        };
        let op = if let Some(Member::Record(record)) = guard::member(operand) {
            let member = member_of(argument.at, record, name)?;
            self.need(member);
            match member {
                Member::Fact(fact) if fact.optional() => Op::HasFact(fact),
                _ => Op::Literal(Datum::Bool(true)),
            }
        } else {
            let (operand, of) = self.expr(operand, present)?;
            element(of).map_or_else(|found| no_members(argument.at, found), Ok)?;
            Op::HasMember(Box::new(operand), name.as_str().into())
        };
        Ok((Node { at, op }, Type::Bool))
    }

    fn index(&mut self, at: Position, operand: &Expr, index: &Expr, present: &[Present]) -> Checked<Typed> {
        if let (Some(Member::Labels), Kind::Text(name)) = (guard::member(operand), &index.kind) {
            must_be_present(at, &Present::Label(name.clone()), present)?;
        }
        let (operand, of) = self.expr(operand, present)?;
        let (index, by) = self.expr(index, present)?;
        let of = match (of, &by) {
            (Type::List(of), Type::Int | Type::Dyn) | (Type::Map(of), Type::Text | Type::Dyn) => *of,
            (Type::Dyn, Type::Int | Type::Text | Type::Dyn) => Type::Dyn,
            (Type::List(_), _) => {
                return Problem::Mismatch { what: "[…] of a list", wanted: "int", found: by, hint: "" }.at(at);
            }
            (Type::Map(_) | Type::Dyn, _) => {
                return Problem::Mismatch { what: "[…]", wanted: "string", found: by, hint: "" }.at(at);
            }
            (found, _) => return Problem::Mismatch { what: "[…]", wanted: "a list or a map", found, hint: "" }.at(at),
        };
        Ok((Node { at, op: Op::Index(Box::new([operand, index])) }, of))
    }

    fn list(&mut self, at: Position, elements: &[Expr], present: &[Present]) -> Checked<Typed> {
        let mut of: Option<Type> = None;
        let mut nodes = Vec::with_capacity(elements.len());
        for element in elements {
            let (node, own) = self.expr(element, present)?;
            of = Some(one_type(node.at, "the elements of a list", of, own)?);
            nodes.push(node);
        }
        let op = literals(&nodes).map_or(Op::List(nodes), |elements| Op::Literal(Datum::List(elements)));
        Ok((Node { at, op }, of.unwrap_or(Type::Dyn).list()))
    }

    fn map(&mut self, at: Position, entries: &[(Expr, Expr)], present: &[Present]) -> Checked<Typed> {
        let mut of: Option<Type> = None;
        let mut nodes: Vec<(Box<str>, Node)> = Vec::with_capacity(entries.len());
        for (name, value) in entries {
            let Kind::Text(name) = &name.kind else {
                return Problem::NotALiteral { what: "a member's name, \"…\"," }.at(name.at);
            };
            let (node, own) = self.expr(value, present)?;
            of = Some(of.map_or_else(|| own.clone(), |of| of.joined_with(&own).unwrap_or(Type::Dyn)));
            nodes.push((name.as_str().into(), node));
        }
        if let Some(twice) = crate::datum::sort_members(&mut nodes) {
            return Problem::MemberTwice(twice.to_owned()).at(at);
        }
        Ok((Node { at, op: Op::Map(nodes) }, Type::Map(Box::new(of.unwrap_or(Type::Dyn)))))
    }

    /// `condition ? then : otherwise`
    fn choice(&mut self, at: Position, parts: &[Expr; 3], present: &[Present]) -> Checked<Typed> {
        let condition = self.bool_part("?", &parts[0], present)?;
        let branch = |outcome| {
            let mut present = present.to_vec();
            guard::learn(&parts[0], outcome, &mut present);
            present
        };
        let (then, one) = self.expr(&parts[1], &branch(Outcome::True))?;
        let (otherwise, other) = self.expr(&parts[2], &branch(Outcome::False))?;
        let of = one_type(otherwise.at, "both branches of ? :", Some(one), other)?;
        Ok((Node { at, op: Op::Choice(Box::new([condition, then, otherwise])) }, of))
    }

    /// The parts of `&&` or `||`; each is evaluated only where those before it came out as `outcome`, or failed.
    fn chain(
        &mut self,
        sign: &'static str,
        parts: &[Expr],
        outcome: Outcome,
        present: &[Present],
    ) -> Checked<Vec<Node>> {
        let mut present = present.to_vec();
        let mut nodes = Vec::with_capacity(parts.len());
        for part in parts {
            nodes.push(self.bool_part(sign, part, &present)?);
            guard::learn(part, outcome, &mut present);
        }
        Ok(nodes)
    }

    fn bool_part(&mut self, what: &'static str, expr: &Expr, present: &[Present]) -> Checked<Node> {
        match self.expr(expr, present)? {
            (node, of) if of.may_be(&Type::Bool) => Ok(node),
            (node, found) => Problem::Mismatch { what, wanted: "bool", found, hint: "" }.at(node.at),
        }
    }
}

fn literal(at: Position, datum: Datum<'static>, of: Type) -> Typed {
    (Node { at, op: Op::Literal(datum) }, of)
}

/// The type of what is gathered, with one more of type `own`.
fn one_type(at: Position, what: &'static str, so_far: Option<Type>, own: Type) -> Checked<Type> {
    let Some(so_far) = so_far else { return Ok(own) };
    match so_far.joined_with(&own) {
        Some(joined) => Ok(joined),
        None => Problem::Mixed { what, left: so_far, right: own }.at(at),
    }
}

/// The values of `nodes`, if they are all literals.
fn literals(nodes: &[Node]) -> Option<Vec<Datum<'static>>> {
    nodes
        .iter()
        .map(|node| match &node.op {
            Op::Literal(datum) => Some(datum.clone()),
            _ => None,
        })
        .collect()
}

/// The type of a map's values.
fn element(of: Type) -> Result<Type, Type> {
    match of {
        Type::Map(of) => Ok(*of),
        Type::Dyn => Ok(Type::Dyn),
        other => Err(other),
    }
}

fn no_members<T>(at: Position, found: Type) -> Checked<T> {
    Problem::Mismatch { what: "a member", wanted: "a map", found, hint: "" }.at(at)
}

fn member_of(at: Position, record: Record, name: &str) -> Checked<Member> {
    let unknown =
        || Problem::UnknownMember { record: record.path(), member: name.to_owned(), members: record.members() };
    record.member(name).map_or_else(|| unknown().at(at), Ok)
}

fn must_be_present(at: Position, member: &Present, present: &[Present]) -> Checked<()> {
    if present.contains(member) {
        return Ok(());
    }
    Problem::MaybeAbsent { member: member.path(), guard: member.guard() }.at(at)
}
