//! What operators do with values. Every loop in here is paid for before its next step.

use std::{cmp::Ordering, rc::Rc};

use crate::{
    ast::Operator,
    failure::Cause,
    meter::{BYTE, COMPARE, ELEMENT, LOOKUP, LOOKUP_BYTE, Meter, units},
    value::{List, Map, Text, Value},
};

type Operated<T> = Result<T, Cause>;

/// `left operator right`
pub(crate) fn binary<'a>(
    operator: Operator,
    left: &Value<'a>,
    right: &Value<'a>,
    meter: &Meter,
) -> Operated<Value<'a>> {
    match operator {
        Operator::Equal => equal(left, right, meter).map(Value::Bool),
        Operator::Unequal => equal(left, right, meter).map(|equal| Value::Bool(!equal)),
        Operator::In => contained(left, right, meter).map(Value::Bool),
        Operator::Less => order(operator, left, right, meter).map(|o| Value::Bool(o == Some(Ordering::Less))),
        Operator::Greater => order(operator, left, right, meter).map(|o| Value::Bool(o == Some(Ordering::Greater))),
        Operator::LessOrEqual => {
            order(operator, left, right, meter).map(|o| Value::Bool(o.is_some_and(Ordering::is_le)))
        }
        Operator::GreaterOrEqual => {
            order(operator, left, right, meter).map(|o| Value::Bool(o.is_some_and(Ordering::is_ge)))
        }
        Operator::Add | Operator::Subtract | Operator::Multiply | Operator::Divide | Operator::Remainder => {
            arithmetic(operator, left, right, meter)
        }
    }
}

fn mismatch<T>(what: &'static str, left: &Value<'_>, right: &Value<'_>) -> Operated<T> {
    Err(Cause::Mismatch { what, found: format!("{} and {}", left.of_type(), right.of_type()) })
}

/// Whether two values are equal. Numbers are by what they count; values of different types are not.
pub(crate) fn equal(left: &Value<'_>, right: &Value<'_>, meter: &Meter) -> Operated<bool> {
    meter.charge(COMPARE)?;
    match (left, right) {
        (Value::Null, Value::Null) => Ok(true),
        (Value::Bool(left), Value::Bool(right)) => Ok(left == right),
        (Value::Text(left), Value::Text(right)) => equal_texts(left, right, meter),
        (Value::List(left), Value::List(right)) => equal_lists(left, right, meter),
        (Value::Map(left), Value::Map(right)) => equal_maps(left, right, meter),
        _ => Ok(order_numbers(left, right).is_some_and(|order| order == Some(Ordering::Equal))),
    }
}

fn equal_texts(left: &str, right: &str, meter: &Meter) -> Operated<bool> {
    meter.charge(units(left.len().min(right.len())))?;
    Ok(left == right)
}

fn equal_lists(left: &List<'_>, right: &List<'_>, meter: &Meter) -> Operated<bool> {
    if left.len() != right.len() {
        return Ok(false);
    }
    for (left, right) in left.iter().zip(right.iter()) {
        if !equal(&left, &right, meter)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Both are sorted, so equal ones have the same names in the same order.
fn equal_maps(left: &Map<'_>, right: &Map<'_>, meter: &Meter) -> Operated<bool> {
    if left.len() != right.len() {
        return Ok(false);
    }
    meter.charge(COMPARE.saturating_mul(units(left.len())))?;
    for (name, other) in left.names().into_iter().zip(right.names()) {
        if !equal_texts(name, other, meter)? {
            return Ok(false);
        }
        let (Some(left), Some(right)) = (left.get(name), right.get(name)) else { return Ok(false) };
        if !equal(&left, &right, meter)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// `left in right`
fn contained(left: &Value<'_>, right: &Value<'_>, meter: &Meter) -> Operated<bool> {
    match (left, right) {
        (_, Value::List(list)) => {
            for element in list.iter() {
                if equal(&element, left, meter)? {
                    return Ok(true);
                }
            }
            Ok(false)
        }
        (Value::Text(name), Value::Map(map)) => look_up(map, name, meter).map(|found| found.is_some()),
        (_, Value::Map(_)) => Ok(false),
        _ => mismatch("in", left, right),
    }
}

/// The member `name` of `map`.
pub(crate) fn look_up<'a>(map: &Map<'a>, name: &str, meter: &Meter) -> Operated<Option<Value<'a>>> {
    meter.charge(LOOKUP.saturating_add(LOOKUP_BYTE.saturating_mul(units(name.len()))))?;
    Ok(map.get(name))
}

/// The order of two values; none if one of them is not a number.
fn order(operator: Operator, left: &Value<'_>, right: &Value<'_>, meter: &Meter) -> Operated<Option<Ordering>> {
    if let (Value::Text(left), Value::Text(right)) = (left, right) {
        meter.charge(units(left.len().min(right.len())))?;
        return Ok(Some((**left).cmp(&**right)));
    }
    order_numbers(left, right).map_or_else(|| mismatch(operator.sign(), left, right), Ok)
}

/// The order of two numbers by what they count; none if one of them is no number at all, some of none if one is not a number (NaN).
fn order_numbers(left: &Value<'_>, right: &Value<'_>) -> Option<Option<Ordering>> {
    let whole = |value: &Value<'_>| match value {
        Value::Int(int) => Some(i128::from(*int)),
        Value::Uint(uint) => Some(i128::from(*uint)),
        _ => None,
    };
    Some(match (left, right) {
        (Value::Double(left), Value::Double(right)) => left.partial_cmp(right),
        (Value::Double(left), right) => order_whole(whole(right)?, *left).map(Ordering::reverse),
        (left, Value::Double(right)) => order_whole(whole(left)?, *right),
        (left, right) => Some(whole(left)?.cmp(&whole(right)?)),
    })
}

/// The order of a whole number and a double, exactly: neither is rounded to the other's type.
fn order_whole(whole: i128, double: f64) -> Option<Ordering> {
    // Beyond 64 bits any double is on its side of every number; the cast saturates there and keeps the order.
    let truncated = double.trunc() as i128;
    if double.is_nan() {
        return None;
    }
    Some(whole.cmp(&truncated).then_with(|| 0.0.partial_cmp(&double.fract()).unwrap_or(Ordering::Equal)))
}

fn arithmetic<'a>(operator: Operator, left: &Value<'a>, right: &Value<'a>, meter: &Meter) -> Operated<Value<'a>> {
    match (left, right) {
        (Value::Int(left), Value::Int(right)) => ints(operator, *left, *right).map(Value::Int),
        (Value::Uint(left), Value::Uint(right)) => uints(operator, *left, *right).map(Value::Uint),
        (Value::Double(one), Value::Double(other)) => match operator {
            Operator::Add => Ok(Value::Double(one + other)),
            Operator::Subtract => Ok(Value::Double(one - other)),
            Operator::Multiply => Ok(Value::Double(one * other)),
            Operator::Divide => Ok(Value::Double(one / other)),
            _ => mismatch(operator.sign(), left, right),
        },
        (Value::Text(left), Value::Text(right)) if operator == Operator::Add => concatenate(left, right, meter),
        (Value::List(left), Value::List(right)) if operator == Operator::Add => append(left, right, meter),
        _ => mismatch(operator.sign(), left, right),
    }
}

fn ints(operator: Operator, left: i64, right: i64) -> Operated<i64> {
    let result = match operator {
        Operator::Add => left.checked_add(right),
        Operator::Subtract => left.checked_sub(right),
        Operator::Multiply => left.checked_mul(right),
        _ if right == 0 => return Err(Cause::ByZero(operator.sign())),
        Operator::Divide => left.checked_div(right),
        _ => left.checked_rem(right),
    };
    result.ok_or(Cause::Overflow(operator.sign()))
}

fn uints(operator: Operator, left: u64, right: u64) -> Operated<u64> {
    let result = match operator {
        Operator::Add => left.checked_add(right),
        Operator::Subtract => left.checked_sub(right),
        Operator::Multiply => left.checked_mul(right),
        _ if right == 0 => return Err(Cause::ByZero(operator.sign())),
        Operator::Divide => left.checked_div(right),
        _ => left.checked_rem(right),
    };
    result.ok_or(Cause::Overflow(operator.sign()))
}

fn concatenate<'a>(left: &str, right: &str, meter: &Meter) -> Operated<Value<'a>> {
    meter.charge(BYTE.saturating_mul(units(left.len().saturating_add(right.len()))))?;
    let mut made = String::with_capacity(left.len() + right.len());
    made.push_str(left);
    made.push_str(right);
    Ok(Value::Text(Text::Made(Rc::from(made))))
}

fn append<'a>(left: &List<'a>, right: &List<'a>, meter: &Meter) -> Operated<Value<'a>> {
    meter.charge(ELEMENT.saturating_mul(units(left.len().saturating_add(right.len()))))?;
    Ok(Value::List(List::Made(left.iter().chain(right.iter()).collect())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_ordered_by_what_they_count() {
        let exact = 1i64 << 53;
        let cases = [
            (Value::Int(1), Value::Double(1.0), Some(Ordering::Equal)),
            (Value::Int(1), Value::Double(1.5), Some(Ordering::Less)),
            (Value::Int(-1), Value::Double(-1.5), Some(Ordering::Greater)),
            (Value::Int(0), Value::Double(-0.5), Some(Ordering::Greater)),
            (Value::Int(exact + 1), Value::Double((1u64 << 53) as f64), Some(Ordering::Greater)),
            (Value::Uint(u64::MAX), Value::Int(-1), Some(Ordering::Greater)),
            (Value::Uint(u64::MAX), Value::Double(1e300), Some(Ordering::Less)),
            (Value::Int(i64::MIN), Value::Double(f64::NEG_INFINITY), Some(Ordering::Greater)),
            (Value::Int(0), Value::Double(f64::NAN), None),
        ];
        for (left, right, expected) in cases {
            assert_eq!(order_numbers(&left, &right), Some(expected), "{left:?} {right:?}");
            assert_eq!(order_numbers(&right, &left), Some(expected.map(Ordering::reverse)), "{right:?} {left:?}");
        }
        assert_eq!(order_numbers(&Value::Int(1), &Value::text("1")), None);
    }

    #[test]
    fn what_is_not_paid_for_is_not_done() {
        let meter = Meter::new(10);
        let long = "a".repeat(100);
        assert_eq!(equal(&Value::text(&long), &Value::text(&long), &meter), Err(Cause::TooCostly { most: 10 }));
        assert_eq!(equal(&Value::Null, &Value::Null, &meter), Err(Cause::TooCostly { most: 10 }));
    }
}
