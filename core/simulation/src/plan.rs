//! What a seed decides beforehand.

use serde_json::{Value, json};
use toolgate_model::{Limit, LimitId, LimitRecord, LimitSpec, Timestamp};

use crate::random::Dice;

/// How bad things are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Weather {
    /// Messages take their time, and come in whatever order.
    Fair,
    /// Answers are lost, and what was reported as failed may still be done.
    Foul,
    /// And instances freeze, die, and have clocks of their own.
    Storm,
}

/// One seed's world.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) weather: Weather,
    pub(crate) limits: Vec<Limit>,
    pub(crate) instances: usize,
    /// How many calls each instance makes, and how many milliseconds apart at most.
    pub(crate) calls: u64,
    pub(crate) pause: u64,
    /// How long a call takes at most, in milliseconds, as a rule.
    pub(crate) duration: u64,
    /// How long a message takes at most, in milliseconds.
    pub(crate) delay: u64,
    /// The ledger has no clock: whoever asks says what time it is. How far clocks are apart at most, in milliseconds.
    pub(crate) skew: Option<u64>,
    pub(crate) hold: u64,
    pub(crate) lease: u64,
    pub(crate) linger: u64,
}

impl Plan {
    pub(crate) fn new(dice: &Dice) -> Self {
        let weather = dice.one_of(&[Weather::Fair, Weather::Foul, Weather::Storm, Weather::Storm]);
        let count = dice.between(1, 3);
        Self {
            weather,
            limits: (0..count).filter_map(|n| limit(n, dice)).collect(),
            instances: usize::try_from(dice.between(1, 4)).unwrap_or(1),
            calls: dice.between(8, 24),
            pause: dice.one_of(&[20, 500, 5_000]),
            duration: dice.one_of(&[10, 500, 8_000]),
            delay: dice.one_of(&[2, 30, 3_000]),
            skew: (weather == Weather::Storm && dice.chance(300)).then(|| dice.one_of(&[50, 3_000])),
            hold: dice.one_of(&[20_000, 90_000]),
            lease: dice.one_of(&[2_000, 8_000, 30_000]),
            linger: dice.one_of(&[0, 300, 2_000]),
        }
    }
}

fn limit(number: u64, dice: &Dice) -> Option<Limit> {
    let kind = dice.one_of(&["budget", "budget", "budget", "rate", "concurrency"]);
    let unit = if kind == "concurrency" { "calls" } else { dice.one_of(&["calls", "micro_usd"]) };
    let mut limit = json!({
        "scope": dice.one_of(&[json!({}), json!({"key": "*"})]),
        "kind": kind,
        "unit": unit,
        "amount": match (kind, unit) {
            ("concurrency", _) => dice.between(1, 5),
            (_, "calls") => dice.between(5, 60),
            _ => dice.between(50, 1_500),
        },
    });
    match kind {
        "budget" => limit["window"] = dice.one_of(&[Value::Null, json!("minute"), json!("20s")]),
        "rate" => {
            limit["window"] = dice.one_of(&[json!("10s"), json!("minute")]);
            limit["burst"] = dice.one_of(&[Value::Null, json!(20)]);
        }
        _ => {}
    }
    if kind != "concurrency" {
        limit["mode"] = dice.one_of(&[json!("strict"), json!("leased")]);
    }
    limit["fail_open"] = json!(dice.chance(100));
    let spec = LimitSpec::read(limit.as_object()?).ok()?;
    let now = Timestamp::from_millis(0);
    let record = LimitRecord { spec, enabled: true, created_at: now, updated_at: now };
    Some(Limit { id: LimitId::new(&format!("l{number}")).ok()?, record })
}
