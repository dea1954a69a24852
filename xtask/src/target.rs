//! The three targets by name.

use std::{fmt, str::FromStr};

use crate::problem::Problem;

/// What Toolgate runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    Local,
    Worker,
    Lambda,
}

impl Target {
    pub(crate) const ALL: [Self; 3] = [Self::Local, Self::Worker, Self::Lambda];
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Local => "local",
            Self::Worker => "worker",
            Self::Lambda => "lambda",
        })
    }
}

impl FromStr for Target {
    type Err = Problem;

    fn from_str(text: &str) -> Result<Self, Problem> {
        Self::ALL
            .into_iter()
            .find(|target| target.to_string() == text)
            .ok_or_else(|| Problem::new(format!("there is no target {text:?}: local, worker or lambda")))
    }
}
