//! Who may use the API: the holder of the operator token, and nobody where none is set.

use http::{HeaderMap, header};
use toolgate_seal::OperatorToken;

use crate::problem::{Kind, Problem};

/// Lets the operator in. Looks at nothing but the one `Authorization` header.
pub(crate) fn authorize(token: Option<&OperatorToken>, headers: &HeaderMap) -> Result<(), Problem> {
    let Some(token) = token else {
        let detail = "no operator token is set: set TOOLGATE_OPERATOR_TOKEN (at least 24 characters, for example from \
                      `openssl rand -hex 32`) and start Toolgate again";
        return Err(Problem::new(Kind::NotConfigured, detail));
    };
    if bearer(headers).is_some_and(|presented| token.matches(presented)) {
        return Ok(());
    }
    let detail = "send \"Authorization: Bearer <token>\" with the value of TOOLGATE_OPERATOR_TOKEN";
    Err(Problem::new(Kind::Unauthorized, detail))
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
