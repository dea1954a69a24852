//! What calls cost and what they must keep to, as operators write it: of a server, and of some of its tools.

use std::collections::BTreeMap;

use serde_json::Value;
use toolgate_model::{
    ArgumentCheck, Constraints, Day, KibPrice, MAX_PRICE, MAX_QUIET_HOURS, MAX_RESULT_BYTES, MAX_TIMEOUT_MS, Price,
    PriceBound, Prices, QuietHours, SaidPrice, SizedPrice, TimeOfDay, ToolAccess, ToolRules, Zone,
};

use crate::{fields::Fields, problem::Problem};

const MAX_TOOLS: usize = 1_000;
/// The longest name of a tool, as an upstream gives it.
const MAX_TOOL_NAME: usize = 256;
/// The longest name of a member of `_meta`.
const MAX_META_NAME: usize = 256;
const PRICE_FORMS: &str =
    "a whole number, {\"base\", \"per_kib\"}, {\"meta\", \"max\"}, or of tokens {\"sized\": {\"max\"}}";

/// What is said of some tools alone.
pub(crate) fn tools(fields: &mut Fields) -> Result<BTreeMap<String, ToolRules>, Problem> {
    let mut tools = BTreeMap::new();
    for (tool, members) in fields.objects("tools", MAX_TOOLS) {
        let path = ["tools", tool.as_str()];
        fields.refuse_unknown(&path, &members, &["price", "constraints"])?;
        if !(1..=MAX_TOOL_NAME).contains(&tool.len()) {
            fields.wrong(&path, format!("a tool's name has 1 to {MAX_TOOL_NAME} bytes"));
            continue;
        }
        let rules = fields.within(&path, members, rules)?;
        tools.insert(tool, rules);
    }
    Ok(tools)
}

fn rules(fields: &mut Fields) -> Result<ToolRules, Problem> {
    Ok(ToolRules { price: prices(fields)?, constraints: constraints(fields)? })
}

/// What calls cost.
pub(crate) fn prices(fields: &mut Fields) -> Result<Prices, Problem> {
    let Some(members) = fields.object("price") else { return Ok(Prices::default()) };
    fields.refuse_unknown(&["price"], &members, &["micro_usd", "tokens"])?;
    fields.within(&["price"], members, |fields| {
        let micro_usd = price(fields, "micro_usd")?;
        if matches!(micro_usd, Some(Price::Sized(_))) {
            fields.wrong(&["micro_usd", "sized"], "sizes are counted in tokens: write this price under \"tokens\"");
        }
        Ok(Prices { micro_usd, tokens: price(fields, "tokens")? })
    })
}

fn price(fields: &mut Fields, unit: &str) -> Result<Option<Price>, Problem> {
    match fields.value(unit) {
        None => Ok(None),
        Some(Value::Object(members)) => Ok(fields.within(&[unit], members, price_by)?),
        Some(value) => match value.as_u64().filter(|amount| *amount <= MAX_PRICE) {
            Some(amount) => Ok(Some(Price::Flat(amount))),
            None => {
                fields.wrong(&[unit], format!("write {PRICE_FORMS}; numbers from 0 to {MAX_PRICE}"));
                Ok(None)
            }
        },
    }
}

fn price_by(fields: &mut Fields) -> Result<Option<Price>, Problem> {
    if fields.has("sized") {
        fields.refuse_others(&["sized"])?;
        let Some(members) = fields.object("sized") else { return Ok(None) };
        fields.refuse_unknown(&["sized"], &members, &["max"])?;
        let max = fields.within(&["sized"], members, |fields| needed(fields, "max"));
        return Ok(Some(Price::Sized(SizedPrice { sized: PriceBound { max } })));
    }
    if fields.has("meta") {
        fields.refuse_others(&["meta", "max"])?;
        let meta = fields.text("meta", |name| match name.len() {
            1..=MAX_META_NAME => Ok(name.to_owned()),
            _ => Err(format!("a member of \"_meta\" has 1 to {MAX_META_NAME} bytes")),
        });
        return Ok(Some(Price::Meta(SaidPrice { meta: meta.unwrap_or_default(), max: needed(fields, "max") })));
    }
    if fields.has("base") || fields.has("per_kib") {
        fields.refuse_others(&["base", "per_kib"])?;
        let (base, per_kib) = (needed(fields, "base"), needed(fields, "per_kib"));
        return Ok(Some(Price::PerKib(KibPrice { base, per_kib })));
    }
    fields.refuse_others(&["base", "per_kib", "meta", "max", "sized"])?;
    fields.wrong(&[], format!("write {PRICE_FORMS}"));
    Ok(None)
}

fn needed(fields: &mut Fields, name: &str) -> u64 {
    fields.need(name);
    fields.number(name, 0..=MAX_PRICE).unwrap_or_default()
}

/// What calls must keep to.
pub(crate) fn constraints(fields: &mut Fields) -> Result<Constraints, Problem> {
    const KNOWN: [&str; 5] = ["timeout_ms", "max_result_bytes", "arguments", "access", "quiet_hours"];
    let Some(members) = fields.object("constraints") else { return Ok(Constraints::default()) };
    fields.refuse_unknown(&["constraints"], &members, &KNOWN)?;
    fields.within(&["constraints"], members, |fields| {
        Ok(Constraints {
            timeout_ms: fields.number("timeout_ms", 1..=MAX_TIMEOUT_MS),
            max_result_bytes: fields.number("max_result_bytes", 1..=MAX_RESULT_BYTES),
            arguments: fields.text("arguments", arguments),
            access: fields.text("access", access),
            quiet_hours: quiet_hours(fields)?,
        })
    })
}

fn arguments(text: &str) -> Result<ArgumentCheck, String> {
    match text {
        "checked" => Ok(ArgumentCheck::Checked),
        "unchecked" => Ok(ArgumentCheck::Unchecked),
        _ => Err("write \"checked\" or \"unchecked\"".to_owned()),
    }
}

fn access(text: &str) -> Result<ToolAccess, String> {
    match text {
        "all" => Ok(ToolAccess::All),
        "read-only" => Ok(ToolAccess::ReadOnly),
        _ => Err("write \"all\" or \"read-only\"".to_owned()),
    }
}

fn quiet_hours(fields: &mut Fields) -> Result<Option<Vec<QuietHours>>, Problem> {
    let Some(items) = fields.list("quiet_hours", MAX_QUIET_HOURS) else { return Ok(None) };
    let mut all = Vec::with_capacity(items.len());
    for (at, members) in items {
        let path = ["quiet_hours", at.as_str()];
        fields.refuse_unknown(&path, &members, &["from", "to", "days", "zone"])?;
        all.extend(fields.within(&path, members, hours));
    }
    Ok(Some(all))
}

fn hours(fields: &mut Fields) -> Option<QuietHours> {
    fields.need("from");
    fields.need("to");
    let from = fields.text("from", time);
    let to = fields.text("to", time);
    let days = fields.texts("days", Day::ALL.len(), day);
    let zone = fields.text("zone", zone);
    let (from, to) = (from?, to?);
    if from == to {
        fields.wrong(&["to"], "it is the same as \"from\": for a whole day, disable the server or deny by policy");
    }
    Some(QuietHours { from, to, days, zone })
}

fn time(text: &str) -> Result<TimeOfDay, String> {
    text.parse().map_err(|e: toolgate_model::TimeOfDayError| e.to_string())
}

fn day(text: &str) -> Result<Day, String> {
    let day = Day::ALL.into_iter().find(|day| day.as_str() == text);
    day.ok_or_else(|| "write \"mon\", \"tue\", \"wed\", \"thu\", \"fri\", \"sat\" or \"sun\"".to_owned())
}

fn zone(text: &str) -> Result<String, String> {
    Zone::new(text).map(|zone| zone.as_str().to_owned()).map_err(|e| e.to_string())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(body: Value) -> (Prices, Constraints, BTreeMap<String, ToolRules>) {
        let Value::Object(members) = body else { panic!("no object") };
        let mut fields = Fields::new(members);
        let all = (prices(&mut fields).unwrap(), constraints(&mut fields).unwrap(), tools(&mut fields).unwrap());
        fields.done().unwrap();
        all
    }

    #[test]
    fn what_is_taken_is_what_the_model_reads() {
        for price in
            [json!(0), json!({"base": 1, "per_kib": 2}), json!({"meta": "m", "max": 3}), json!({"sized": {"max": 4}})]
        {
            let (prices, ..) = read(json!({"price": {"tokens": price}}));
            assert_eq!(serde_json::to_value(prices.tokens).unwrap(), price);
        }
        let hours = json!({"from": "22:00", "to": "06:00", "days": ["fri", "sat"], "zone": "Europe/Berlin"});
        let constraints = json!({"timeout_ms": 1, "max_result_bytes": 16_777_216, "arguments": "checked", "access": "read-only",
            "quiet_hours": [hours]});
        let (_, read_constraints, tools) =
            read(json!({"constraints": constraints, "tools": {"t": {"constraints": constraints}}}));
        assert_eq!(serde_json::to_value(&read_constraints).unwrap(), constraints);
        assert_eq!(tools["t"].constraints, read_constraints);
    }
}
