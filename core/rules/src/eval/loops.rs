//! Loops. Each round is paid for.

use super::{Evaluated, Run, Scope, Tally};
use crate::{
    failure::Cause,
    meter::{ELEMENT, ROUND},
    node::{Body, Loop, Node},
    problem::Position,
    value::{List, Value},
};

/// What a loop goes through.
enum Range<'e> {
    Elements(List<'e>),
    Names(Vec<&'e str>),
}

impl<'e> Range<'e> {
    fn get(&self, index: usize) -> Option<Value<'e>> {
        match self {
            Self::Elements(list) => list.get(index),
            Self::Names(names) => names.get(index).map(|name| Value::text(name)),
        }
    }
}

impl Run<'_> {
    pub(super) fn repeat<'e>(
        &'e self,
        at: Position,
        repeated: &'e Loop,
        scope: &mut Scope<'e>,
    ) -> Evaluated<Value<'e>> {
        let range = match self.value(&repeated.range, scope)? {
            Value::List(list) => Range::Elements(list),
            Value::Map(map) => Range::Names(map.names()),
            other => {
                let found = other.of_type().to_string();
                return Err(Self::stop(at)(Cause::Mismatch { what: "a loop", found }));
            }
        };
        match &repeated.body {
            Body::All(test) => self.tally(false, at, &range, test, scope),
            Body::Exists(test) => self.tally(true, at, &range, test, scope),
            Body::ExistsOne(test) => self.count(at, &range, test, scope),
            Body::Gather { test, each } => self.gather(at, &range, (test.as_ref(), each.as_ref()), scope),
        }
    }

    fn tally<'e>(
        &'e self,
        deciding: bool,
        at: Position,
        range: &Range<'e>,
        test: &'e Node,
        scope: &mut Scope<'e>,
    ) -> Evaluated<Value<'e>> {
        let mut tally = Tally::new(deciding);
        for element in (0..).map_while(|index| range.get(index)) {
            self.meter.charge(ROUND).map_err(Self::stop(at))?;
            if tally.decided_by(with(element, scope, |scope| self.bool(test, scope))) {
                break;
            }
        }
        tally.result().map(Value::Bool)
    }

    fn count<'e>(
        &'e self,
        at: Position,
        range: &Range<'e>,
        test: &'e Node,
        scope: &mut Scope<'e>,
    ) -> Evaluated<Value<'e>> {
        let mut holding = 0usize;
        for element in (0..).map_while(|index| range.get(index)) {
            self.meter.charge(ROUND).map_err(Self::stop(at))?;
            if with(element, scope, |scope| self.bool(test, scope))? {
                holding += 1;
            }
        }
        Ok(Value::Bool(holding == 1))
    }

    fn gather<'e>(
        &'e self,
        at: Position,
        range: &Range<'e>,
        (test, each): (Option<&'e Node>, Option<&'e Node>),
        scope: &mut Scope<'e>,
    ) -> Evaluated<Value<'e>> {
        let mut gathered = Vec::new();
        for element in (0..).map_while(|index| range.get(index)) {
            self.meter.charge(ROUND + ELEMENT).map_err(Self::stop(at))?;
            let made = with(element, scope, |scope| {
                if let Some(test) = test
                    && !self.bool(test, scope)?
                {
                    return Ok(None);
                }
                match each {
                    Some(each) => self.value(each, scope).map(Some),
                    None => Ok(scope.last().cloned()),
                }
            })?;
            gathered.extend(made);
        }
        Ok(Value::List(List::Made(gathered.into())))
    }
}

/// Evaluates with `element` as the innermost variable.
fn with<'e, T>(
    element: Value<'e>,
    scope: &mut Scope<'e>,
    evaluate: impl FnOnce(&mut Scope<'e>) -> Evaluated<T>,
) -> Evaluated<T> {
    scope.push(element);
    let result = evaluate(scope);
    scope.pop();
    result
}
