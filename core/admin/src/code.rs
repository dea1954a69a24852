//! How clients are shown tools, what programs may use, and what needs approval, as operators write it: of a tenant, a key or a view.

use toolgate_model::{Approvals, Approver, CodeLimits, CodeSettings, Destructive, ToolsMode};

use crate::{fields::Fields, problem::Problem, tool_rules::prices};

/// How a client is shown its tools.
pub(crate) fn tools_mode(fields: &mut Fields) -> Option<ToolsMode> {
    fields.text("tools_mode", |text| {
        let mode = ToolsMode::ALL.into_iter().find(|mode| mode.as_str() == text);
        mode.ok_or_else(|| "write \"direct\", \"search\", \"code\", \"auto\" or \"bifrost\"".to_owned())
    })
}

/// What one program may use.
pub(crate) fn limits(fields: &mut Fields, name: &str) -> Result<CodeLimits, Problem> {
    let Some(members) = fields.object(name) else { return Ok(CodeLimits::default()) };
    let names = CodeLimits::BOUNDS.map(|bound| bound.name);
    fields.refuse_unknown(&[name], &members, &names)?;
    Ok(fields.within(&[name], members, |fields| {
        let mut limits = CodeLimits::default();
        for bound in CodeLimits::BOUNDS {
            if let Some(value) = fields.number(bound.name, bound.least..=bound.most) {
                limits.set(bound.name, value);
            }
        }
        limits
    }))
}

/// What a tenant says of programs.
pub(crate) fn settings(fields: &mut Fields) -> Result<CodeSettings, Problem> {
    let Some(members) = fields.object("code") else { return Ok(CodeSettings::default()) };
    fields.refuse_unknown(&["code"], &members, &["limits", "price"])?;
    fields.within(&["code"], members, |fields| {
        Ok(CodeSettings { limits: limits(fields, "limits")?, price: prices(fields)? })
    })
}

/// What a tenant says of approvals.
pub(crate) fn approvals(fields: &mut Fields) -> Result<Approvals, Problem> {
    let Some(members) = fields.object("approvals") else { return Ok(Approvals::default()) };
    fields.refuse_unknown(&["approvals"], &members, &["destructive", "by"])?;
    Ok(fields.within(&["approvals"], members, |fields| Approvals {
        destructive: fields.text("destructive", destructive).unwrap_or_default(),
        by: fields.text("by", approver).unwrap_or_default(),
    }))
}

fn destructive(text: &str) -> Result<Destructive, String> {
    match text {
        "allowed" => Ok(Destructive::Allowed),
        "marked" => Ok(Destructive::Marked),
        "assumed" => Ok(Destructive::Assumed),
        _ => Err("write \"allowed\", \"marked\" or \"assumed\"".to_owned()),
    }
}

fn approver(text: &str) -> Result<Approver, String> {
    match text {
        "anyone" => Ok(Approver::Anyone),
        "operator" => Ok(Approver::Operator),
        _ => Err("write \"anyone\" or \"operator\"".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn fields(body: Value) -> Fields {
        let Value::Object(members) = body else { panic!("no object") };
        Fields::new(members)
    }

    #[test]
    fn what_is_taken_is_what_the_model_reads() {
        let code = json!({"limits": {"gas": 5_000_000, "calls": 0, "time_ms": 1_000}, "price": {"micro_usd": 100}});
        let approvals_of = json!({"destructive": "marked", "by": "operator"});
        let mut fields = fields(json!({"code": code, "approvals": approvals_of, "tools_mode": "code"}));
        assert_eq!(serde_json::to_value(settings(&mut fields).unwrap()).unwrap(), code);
        assert_eq!(serde_json::to_value(approvals(&mut fields).unwrap()).unwrap(), approvals_of);
        assert_eq!(tools_mode(&mut fields), Some(ToolsMode::Code));
        fields.done().unwrap();
    }

    #[test]
    fn what_is_out_of_bounds_or_unknown_is_refused() {
        for body in [
            json!({"code": {"limits": {"memory": 1}}}),
            json!({"code": {"limits": {"parallel": 7}}}),
            json!({"approvals": {"by": "nobody"}}),
            json!({"tools_mode": "all"}),
        ] {
            let mut fields = fields(body.clone());
            let _ = (settings(&mut fields), approvals(&mut fields), tools_mode(&mut fields));
            assert!(fields.done().is_err(), "{body}");
        }
        assert!(settings(&mut fields(json!({"code": {"limits": {"fuel": 1}}}))).is_err());
        assert!(approvals(&mut fields(json!({"approvals": {"who": 1}}))).is_err());
    }
}
