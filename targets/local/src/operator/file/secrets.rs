//! References to secrets in a file: `${NAME}` stands for the environment variable of that name; `$${` is a plain `${`.

/// `text` with what its references stand for.
///
/// # Errors
/// Names the variable that is not set; never a value.
pub(super) fn resolve(text: &str, env: impl Fn(&str) -> Option<String>) -> Result<String, String> {
    let mut resolved = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        let (before, from) = rest.split_at(at);
        if let Some(before) = before.strip_suffix('$') {
            resolved.push_str(before);
            resolved.push_str("${");
            rest = &from[2..];
            continue;
        }
        resolved.push_str(before);
        let (name, after) = from[2..].split_once('}').ok_or("\"${\" has no \"}\": write ${NAME}, or $${ for itself")?;
        let spells = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
        if name.is_empty() || !name.bytes().all(spells) {
            return Err("write ${NAME} with the name of an environment variable, or $${ for \"${\" itself".to_owned());
        }
        let value = env(name).ok_or_else(|| format!("the environment variable {name} is not set"))?;
        resolved.push_str(&value);
        rest = after;
    }
    resolved.push_str(rest);
    Ok(resolved)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(name: &str) -> Option<String> {
        match name {
            "A" => Some("one".into()),
            "B_2" => Some("${A}".into()),
            _ => None,
        }
    }

    #[test]
    fn references_are_resolved_once_and_in_their_place() {
        for (text, expected) in [
            ("", ""),
            ("plain $A $$ }", "plain $A $$ }"),
            ("Bearer ${A}", "Bearer one"),
            ("${A}-${B_2}.", "one-${A}."),
            ("$${A}", "${A}"),
            ("a$${b} ${A}", "a${b} one"),
        ] {
            assert_eq!(resolve(text, env).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_can_not_be_resolved_is_named() {
        for (bad, said) in
            [("${NONE}", "NONE"), ("${A", "no \"}\""), ("${}", "write ${NAME}"), ("${a b}", "write ${NAME}")]
        {
            let error = resolve(bad, env).unwrap_err();
            assert!(error.contains(said), "{bad}: {error}");
        }
    }
}
