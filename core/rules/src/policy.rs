//! A policy that is ready to decide.

use jiff::tz::TimeZone;
use toolgate_model::{Effect, PolicyDocument, Rule, RuleName};

use crate::{
    bounds::{Bounds, MAX_DESCRIPTION},
    check::Checker,
    cost,
    eval::{Run, Stop},
    facts::Facts,
    node::Node,
    parse::parse,
    problem::{Fault, PolicyError, Problem, RuleRef},
    ruling::{Explanation, RuleVerdict, Ruling, Settling, Verdict},
    schema::{Need, Needs},
};

/// A policy, checked and compiled.
#[derive(Debug, Clone)]
pub struct Policy {
    rules: Vec<Compiled>,
    zone: TimeZone,
    bounds: Bounds,
    needs: Needs,
    cost: u64,
}

#[derive(Debug, Clone)]
struct Compiled {
    name: RuleName,
    effect: Effect,
    condition: Node,
}

impl Policy {
    /// Checks `document` and compiles it.
    ///
    /// # Errors
    /// What is wrong with it: of each rule the first problem, in the order of the rules.
    pub fn compile(document: &PolicyDocument, bounds: Bounds) -> Result<Self, Vec<PolicyError>> {
        let found = document.rules.len();
        if found > bounds.rules {
            return Err(vec![of_document(Problem::TooManyRules { found, most: bounds.rules })]);
        }
        let mut errors = Vec::new();
        let zone = zone(document.zone.as_deref()).unwrap_or_else(|problem| {
            errors.push(of_document(problem));
            TimeZone::UTC
        });
        let mut checker = Checker::new(&bounds);
        let mut rules = Vec::with_capacity(found);
        for (index, rule) in document.rules.iter().enumerate() {
            match compile(rule, &document.rules[..index], &mut checker, &bounds) {
                Ok(compiled) => rules.push(compiled),
                Err((position, problem)) => {
                    errors.push(PolicyError { rule: Some(of_rule(index, rule)), position, problem });
                }
            }
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        let needs = checker.needs;
        let cost = within_cost(&rules, needs, &bounds).map_err(|error| vec![error])?;
        Ok(Self { rules, zone, bounds, needs, cost })
    }

    /// What its rules look at.
    #[must_use]
    pub const fn needs(&self) -> Needs {
        self.needs
    }

    /// The most that deciding can cost, in [units](Bounds).
    #[must_use]
    pub const fn cost(&self) -> u64 {
        self.cost
    }

    /// Decides.
    #[must_use]
    pub fn decide<'p>(&'p self, facts: &Facts<'_>) -> Ruling<'p> {
        let run = Run::new(facts, &self.bounds, &self.zone);
        let mut settling = Settling::default();
        for rule in &self.rules {
            if settling.settled_by(&rule.name, rule.effect, rule.verdict(&run)) {
                break;
            }
        }
        settling.ruling()
    }

    /// Decides, and says of each rule how it came out.
    #[must_use]
    pub fn explain<'p>(&'p self, facts: &Facts<'_>) -> Explanation<'p> {
        let run = Run::new(facts, &self.bounds, &self.zone);
        let verdict =
            |rule: &'p Compiled| RuleVerdict { name: &rule.name, effect: rule.effect, verdict: rule.verdict(&run) };
        let rules: Vec<RuleVerdict<'p>> = self.rules.iter().map(verdict).collect();
        let mut settling = Settling::default();
        for rule in &rules {
            if settling.settled_by(rule.name, rule.effect, rule.verdict.clone()) {
                break;
            }
        }
        Explanation { ruling: settling.ruling(), rules, cost: run.meter.spent() }
    }
}

impl Compiled {
    fn verdict(&self, run: &Run<'_>) -> Verdict {
        match run.holds(&self.condition) {
            Ok(true) => Verdict::Holds,
            Ok(false) => Verdict::DoesNotHold,
            Err(Stop::Unknown) => Verdict::Unknown,
            Err(Stop::Failed(failure)) => Verdict::Failed(failure),
        }
    }
}

const fn of_document(problem: Problem) -> PolicyError {
    PolicyError { rule: None, position: None, problem }
}

fn of_rule(index: usize, rule: &Rule) -> RuleRef {
    RuleRef { index, name: rule.name.clone() }
}

fn zone(name: Option<&str>) -> Result<TimeZone, Problem> {
    let Some(name) = name else { return Ok(TimeZone::UTC) };
    toolgate_zones::zone(name).ok_or_else(|| Problem::Zone(name.chars().take(60).collect()))
}

/// Compiles one rule behind `earlier` ones.
fn compile(
    rule: &Rule,
    earlier: &[Rule],
    checker: &mut Checker<'_>,
    bounds: &Bounds,
) -> Result<Compiled, (Option<crate::Position>, Problem)> {
    if earlier.iter().any(|other| other.name == rule.name) {
        return Err((None, Problem::SameName));
    }
    if rule.description.as_ref().is_some_and(|text| text.len() > MAX_DESCRIPTION) {
        return Err((None, Problem::Description { most: MAX_DESCRIPTION }));
    }
    let (found, most) = (rule.when.len(), bounds.condition_bytes);
    if found > most {
        return Err((None, Problem::TooLong { found, most }));
    }
    let condition = parse(&rule.when, bounds.condition_parts).and_then(|expr| checker.condition(&expr));
    let condition = condition.map_err(|Fault { at, problem }| (Some(at), problem))?;
    Ok(Compiled { name: rule.name.clone(), effect: rule.effect, condition })
}

/// What the rules cost together at most. If that is too much, the costliest is named.
fn within_cost(rules: &[Compiled], needs: Needs, bounds: &Bounds) -> Result<u64, PolicyError> {
    let costs: Vec<u64> = rules.iter().map(|rule| cost::most(&rule.condition, bounds)).collect();
    let reading = if needs.has(Need::Arguments) { cost::reading(bounds) } else { 0 };
    let all = costs.iter().copied().fold(reading, u64::saturating_add);
    if all <= bounds.cost {
        return Ok(all);
    }
    let costliest = costs.iter().enumerate().max_by_key(|(_, cost)| **cost);
    let rule = costliest.map(|(index, _)| RuleRef { index, name: rules[index].name.clone() });
    let own = costliest.map_or(0, |(_, cost)| *cost);
    Err(PolicyError { rule, position: None, problem: Problem::TooCostly { cost: all, most: bounds.cost, own } })
}
