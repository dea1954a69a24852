//! Functions of values.

use crate::{
    cidr::{self, Cidr},
    failure::Cause,
    meter::{BYTE, CONVERT, MATCH_BYTES, Meter, NUMBER_BYTES, units},
    node::{Probe, Unary},
    pattern::Pattern,
    value::Value,
};

type Operated<'a> = Result<Value<'a>, Cause>;

fn mismatch(what: &'static str, value: &Value<'_>) -> Cause {
    Cause::Mismatch { what, found: value.of_type().to_string() }
}

/// `-value`
pub(super) fn negate<'a>(value: &Value<'a>) -> Operated<'a> {
    match value {
        Value::Int(int) => int.checked_neg().map(Value::Int).ok_or(Cause::Overflow("-")),
        Value::Double(double) => Ok(Value::Double(-double)),
        other => Err(mismatch("-", other)),
    }
}

/// `function(value)`
pub(super) fn unary<'a>(function: Unary, value: &Value<'a>, meter: &Meter) -> Operated<'a> {
    match function {
        Unary::Size => size(value, meter),
        Unary::LowerAscii => {
            let Value::Text(text) = value else { return Err(mismatch(function.name(), value)) };
            meter.charge(BYTE.saturating_mul(units(text.len())))?;
            Ok(if text.bytes().any(|b| b.is_ascii_uppercase()) {
                Value::made(&text.to_ascii_lowercase())
            } else {
                value.clone()
            })
        }
        Unary::String | Unary::Int | Unary::Double => {
            meter.charge(CONVERT)?;
            convert(function, value)
        }
    }
}

/// Characters of a text, elements of a list, members of a map.
fn size<'a>(value: &Value<'_>, meter: &Meter) -> Operated<'a> {
    let size = match value {
        Value::Text(text) => {
            meter.charge(units(text.len()))?;
            text.chars().count()
        }
        Value::List(list) => list.len(),
        Value::Map(map) => map.len(),
        other => return Err(mismatch("size", other)),
    };
    Ok(Value::Int(i64::try_from(size).unwrap_or(i64::MAX)))
}

fn convert<'a>(function: Unary, value: &Value<'a>) -> Operated<'a> {
    match (function, value) {
        (Unary::String, Value::Text(_)) | (Unary::Int, Value::Int(_)) | (Unary::Double, Value::Double(_)) => {
            Ok(value.clone())
        }
        (Unary::String, Value::Bool(bool)) => Ok(Value::text(if *bool { "true" } else { "false" })),
        (Unary::String, Value::Int(int)) => Ok(Value::made(&int.to_string())),
        (Unary::String, Value::Uint(uint)) => Ok(Value::made(&uint.to_string())),
        (Unary::String, Value::Double(double)) => Ok(Value::made(&spell(*double))),
        (Unary::Int, Value::Uint(uint)) => i64::try_from(*uint).map(Value::Int).map_err(|_| Cause::Overflow("int")),
        (Unary::Int, Value::Double(double)) => truncate(*double).map(Value::Int).ok_or(Cause::Overflow("int")),
        (Unary::Int, Value::Text(text)) => read(text).map(Value::Int).ok_or(Cause::NotANumber("int")),
        (Unary::Double, Value::Int(int)) => Ok(Value::Double(*int as f64)),
        (Unary::Double, Value::Uint(uint)) => Ok(Value::Double(*uint as f64)),
        (Unary::Double, Value::Text(text)) => read(text).map(Value::Double).ok_or(Cause::NotANumber("double")),
        _ => Err(mismatch(function.name(), value)),
    }
}

fn read<T: std::str::FromStr>(text: &str) -> Option<T> {
    (text.len() <= NUMBER_BYTES).then(|| text.parse().ok()).flatten()
}

/// The whole part, if an int can hold it.
fn truncate(double: f64) -> Option<i64> {
    (double >= i64::MIN as f64 && double < i64::MAX as f64).then_some(double as i64)
}

/// Briefly: never more than [`NUMBER_BYTES`].
fn spell(double: f64) -> String {
    if double == 0.0 || (1e-6..1e21).contains(&double.abs()) || !double.is_finite() {
        double.to_string()
    } else {
        format!("{double:e}")
    }
}

fn texts<'v>(what: &'static str, text: &'v Value<'_>, other: &'v Value<'_>) -> Result<(&'v str, &'v str), Cause> {
    match (text, other) {
        (Value::Text(text), Value::Text(other)) => Ok((text, other)),
        _ => Err(Cause::Mismatch { what, found: format!("{} and {}", text.of_type(), other.of_type()) }),
    }
}

/// Whether a text holds, begins with or ends with another.
pub(super) fn probe<'a>(probe: Probe, text: &Value<'_>, other: &Value<'_>, meter: &Meter) -> Operated<'a> {
    let (text, other) = texts(probe.name(), text, other)?;
    Ok(Value::Bool(match probe {
        Probe::Contains => {
            meter.charge(BYTE.saturating_mul(units(text.len().saturating_add(other.len()))))?;
            text.contains(other)
        }
        Probe::StartsWith => {
            meter.charge(units(text.len().min(other.len())))?;
            text.starts_with(other)
        }
        Probe::EndsWith => {
            meter.charge(units(text.len().min(other.len())))?;
            text.ends_with(other)
        }
    }))
}

/// Whether a part of a text, of at most `most` bytes, matches.
pub(super) fn matches<'a>(text: &Value<'_>, pattern: &Pattern, most: usize, meter: &Meter) -> Operated<'a> {
    let Value::Text(text) = text else { return Err(mismatch("matches", text)) };
    if text.len() > most {
        return Err(Cause::TooLongToMatch { most });
    }
    meter.charge(pattern.cost_of_byte().saturating_mul(units(text.len()).saturating_add(MATCH_BYTES)))?;
    Ok(Value::Bool(pattern.matches(text)))
}

/// Whether an address lies in a range.
pub(super) fn in_cidr<'a>(address: &Value<'_>, range: Cidr, meter: &Meter) -> Operated<'a> {
    meter.charge(CONVERT)?;
    let Value::Text(text) = address else { return Err(mismatch("inCidr", address)) };
    cidr::address(text).map(|address| Value::Bool(range.holds(address))).ok_or(Cause::NotAnAddress)
}
