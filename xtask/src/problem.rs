//! What went wrong, in words for the person at the terminal.

use std::fmt;

/// A message that says what happened and what to do.
#[derive(Debug)]
pub(crate) struct Problem(String);

/// What every step gives.
pub(crate) type Result<T> = std::result::Result<T, Problem>;

impl Problem {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

macro_rules! from_error {
    ($($error:ty),+) => {$(
        impl From<$error> for Problem {
            fn from(error: $error) -> Self {
                Self(error.to_string())
            }
        }
    )+};
}

from_error!(std::io::Error, lexopt::Error, minreq::Error, serde_json::Error, std::num::ParseIntError);
