//! What `execute` answers: one JSON object, as text and as structured content, of bounded size. What tools gave to the code is never in it:
//! only what the code returned and logged. Must never run anything.

use serde_json::value::RawValue;

use crate::text;

/// The most bytes of each part of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AnswerLimits {
    /// Of the result, as JSON. 24,000 bytes are about 6,000 tokens.
    pub result: usize,
    /// Of all logs.
    pub logs: usize,
    /// Of an error's message.
    pub message: usize,
    /// The most calls that are named one by one.
    pub calls: usize,
}

impl Default for AnswerLimits {
    fn default() -> Self {
        Self { result: 24_000, logs: 8_000, message: 2_000, calls: 50 }
    }
}

/// How an execution ended.
#[derive(Debug, Clone)]
pub enum Outcome<'a> {
    /// The code ran to its end.
    Completed {
        /// What it returned, if it returned anything.
        result: Option<&'a RawValue>,
        /// What its author may want to know.
        hint: Option<&'a str>,
    },
    /// It did not.
    Failed(Failure<'a>),
    /// It waits for somebody to allow calls.
    Paused(Paused<'a>),
}

/// Why code did not run to its end.
#[derive(Debug, Clone, Copy)]
pub struct Failure<'a> {
    /// What failed, in a word: `syntax`, `runtime`, `tool`, `limit`, …
    pub kind: &'a str,
    /// Which limit was reached, if one was.
    pub limit: Option<&'a str>,
    /// The tool whose error it is, if it is one's.
    pub tool: Option<&'a str>,
    /// In words.
    pub message: &'a str,
    /// The line of the model's code, from 1, if that is known.
    pub line: Option<u32>,
    /// What to do next, if that is known.
    pub hint: Option<&'a str>,
}

/// What an execution waits for.
#[derive(Debug, Clone, Copy)]
pub struct Paused<'a> {
    /// What approvers know it by.
    pub execution_id: &'a str,
    /// The calls that must be allowed: `server.tool`.
    pub tools: &'a [&'a str],
    /// Who can allow them.
    pub approver: &'a str,
    /// What to do once they are allowed.
    pub hint: &'a str,
}

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// It did what it should.
    Succeeded,
    /// With an error.
    Failed,
    /// The code ended first: whether it was executed is not known.
    Unknown,
}

/// A call of a tool, in the order of the code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallMade<'a> {
    /// `server.tool`, as the code has it.
    pub tool: &'a str,
    /// How it ended.
    pub ended: Ended,
}

/// An answer, ready to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecuteAnswer {
    /// The object as JSON: the text for the model, and the structured content.
    pub json: String,
    /// Whether the code failed.
    pub is_error: bool,
}

impl ExecuteAnswer {
    /// Of what an execution left: `logs` line by line, `calls` in their order.
    #[must_use]
    pub fn new(outcome: &Outcome<'_>, logs: &[String], calls: &[CallMade<'_>], limits: &AnswerLimits) -> Self {
        let mut parts = Parts::default();
        match outcome {
            Outcome::Completed { result, hint } => parts.completed(*result, *hint, limits),
            Outcome::Failed(_) => parts.text("status", "failed"),
            Outcome::Paused(_) => parts.text("status", "paused"),
        }
        parts.logs(logs, limits.logs);
        parts.calls(calls);
        match outcome {
            Outcome::Completed { .. } => {}
            Outcome::Failed(failure) => parts.raw("error", &error(failure, calls, limits)),
            Outcome::Paused(paused) => {
                let mut waits = Parts::default();
                waits.text("executionId", paused.execution_id);
                waits.list("waitsFor", paused.tools.iter().take(limits.calls).map(|tool| quoted(tool)));
                waits.text("approver", paused.approver);
                waits.text("hint", paused.hint);
                parts.raw("paused", &waits.finish());
            }
        }
        Self { json: parts.finish(), is_error: matches!(outcome, Outcome::Failed(_)) }
    }

    /// The result of `tools/call`: the object as text and as structured content.
    #[must_use]
    pub fn result(&self) -> String {
        let is_error = if self.is_error { ",\"isError\":true" } else { "" };
        let text = quoted(&self.json);
        format!(r#"{{"content":[{{"type":"text","text":{text}}}],"structuredContent":{}{is_error}}}"#, self.json)
    }
}

fn error(failure: &Failure<'_>, calls: &[CallMade<'_>], limits: &AnswerLimits) -> String {
    let mut error = Parts::default();
    error.text("kind", failure.kind);
    if let Some(limit) = failure.limit {
        error.text("limit", limit);
    }
    if let Some(tool) = failure.tool {
        error.text("tool", tool);
    }
    error.text("message", &cut(failure.message, limits.message));
    if let Some(line) = failure.line {
        error.raw("line", &line.to_string());
    }
    if let Some(hint) = failure.hint {
        error.text("hint", &cut(hint, limits.message));
    }
    if !calls.is_empty() {
        let completed = calls.iter().take(limits.calls).map(|call| {
            let mut completed = Parts::default();
            completed.text("tool", call.tool);
            completed.raw(
                "ok",
                match call.ended {
                    Ended::Succeeded => "true",
                    Ended::Failed => "false",
                    Ended::Unknown => "null",
                },
            );
            completed.finish()
        });
        error.list("completedCalls", completed);
        if calls.len() > limits.calls {
            error.raw("completedCallsLeftOut", &(calls.len() - limits.calls).to_string());
        }
    }
    error.finish()
}

/// `text` as JSON.
fn quoted(text: &str) -> String {
    // A text can always be written.
    serde_json::to_string(text).unwrap_or_default()
}

/// `text`, or its beginning and how much of it that is.
fn cut(text: &str, max: usize) -> String {
    if text.len() <= max {
        return text.to_owned();
    }
    let shown = text::prefix(text, max);
    format!("{shown}… [cut: the first {} of {} bytes]", shown.len(), text.len())
}

/// Members of an object, in order.
#[derive(Default)]
struct Parts(String);

impl Parts {
    /// Adds a member whose value is JSON.
    fn raw(&mut self, name: &str, value: &str) {
        self.0.push_str(if self.0.is_empty() { "{\"" } else { ",\"" });
        self.0.push_str(name);
        self.0.push_str("\":");
        self.0.push_str(value);
    }

    fn text(&mut self, name: &str, value: &str) {
        self.raw(name, &quoted(value));
    }

    /// Adds an array of items that are JSON.
    fn list(&mut self, name: &str, items: impl Iterator<Item = String>) {
        self.raw(name, &format!("[{}]", items.collect::<Vec<_>>().join(",")));
    }

    fn completed(&mut self, result: Option<&RawValue>, hint: Option<&str>, limits: &AnswerLimits) {
        self.text("status", "completed");
        if let Some(result) = result {
            self.result(result, limits.result);
        }
        if let Some(hint) = hint {
            self.text("hint", &cut(hint, limits.message));
        }
    }

    fn result(&mut self, result: &RawValue, max: usize) {
        let raw = result.get();
        if raw.len() <= max {
            return self.raw("result", raw);
        }
        // A text is cut as the text it is; anything else becomes the beginning of its JSON.
        let text = serde_json::from_str::<String>(raw);
        let text = text.as_deref().unwrap_or(raw);
        let shown = text::prefix(text, max);
        self.text("result", shown);
        let mut truncated = Self::default();
        truncated.raw("bytes", &text.len().to_string());
        truncated.raw("shown", &shown.len().to_string());
        truncated.text("hint", "result is only the beginning, as text: return less (filter, slice, pick fields)");
        self.raw("truncated", &truncated.finish());
    }

    fn logs(&mut self, logs: &[String], max: usize) {
        let (mut shown, mut size) = (Vec::new(), 0);
        for (index, line) in logs.iter().enumerate() {
            if size + line.len() > max {
                shown.push(cut(line, max.saturating_sub(size)));
                let left = &logs[index + 1..];
                if !left.is_empty() {
                    let bytes: usize = left.iter().map(String::len).sum();
                    shown.push(format!("… [cut: {} more lines, {bytes} bytes]", left.len()));
                }
                break;
            }
            size += line.len() + 1;
            shown.push(line.clone());
        }
        if !shown.is_empty() {
            self.list("logs", shown.iter().map(|line| quoted(line)));
        }
    }

    /// How often each tool was called, and how often it failed.
    fn calls(&mut self, calls: &[CallMade<'_>]) {
        let mut counted: Vec<(&str, [usize; 3])> = Vec::new();
        for call in calls {
            let at = counted.iter().position(|(tool, ..)| *tool == call.tool).unwrap_or_else(|| {
                counted.push((call.tool, [0; 3]));
                counted.len() - 1
            });
            let [all, failed, unknown] = &mut counted[at].1;
            *all += 1;
            *failed += usize::from(call.ended == Ended::Failed);
            *unknown += usize::from(call.ended == Ended::Unknown);
        }
        let described = counted.iter().map(|(tool, [all, failed, unknown])| {
            let mut text = if *all == 1 { (*tool).to_owned() } else { format!("{tool} ×{all}") };
            for (count, what) in [(failed, "failed"), (unknown, "not answered")] {
                if *count > 0 {
                    text.push_str(&format!(", {count} {what}"));
                }
            }
            quoted(&text)
        });
        if !calls.is_empty() {
            self.list("calls", described);
        }
    }

    fn finish(mut self) -> String {
        self.0.push('}');
        self.0
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const LIMITS: AnswerLimits = AnswerLimits { result: 100, logs: 60, message: 50, calls: 2 };
    const CALLS: [CallMade<'static>; 4] = [
        CallMade { tool: "git.log", ended: Ended::Succeeded },
        CallMade { tool: "git.show", ended: Ended::Succeeded },
        CallMade { tool: "git.show", ended: Ended::Failed },
        CallMade { tool: "git.log", ended: Ended::Succeeded },
    ];

    fn raw(json: &str) -> Box<RawValue> {
        RawValue::from_string(json.to_owned()).unwrap()
    }

    fn completed(result: &RawValue) -> Outcome<'_> {
        Outcome::Completed { result: Some(result), hint: None }
    }

    fn parsed(answer: &ExecuteAnswer) -> Value {
        serde_json::from_str(&answer.json).unwrap()
    }

    #[test]
    fn a_result_comes_as_it_was_returned() {
        let result = raw(r#"{"b":1e3,"a":[]}"#);
        let answer = ExecuteAnswer::new(&completed(&result), &[], &[], &LIMITS);
        assert_eq!(answer.json, r#"{"status":"completed","result":{"b":1e3,"a":[]}}"#);
        assert!(!answer.is_error);
    }

    #[test]
    fn what_is_cut_says_how_much() {
        let long = raw(&format!("\"{}\"", "é".repeat(200)));
        let answer = parsed(&ExecuteAnswer::new(&completed(&long), &[], &[], &LIMITS));
        assert_eq!(answer["result"], "é".repeat(50));
        assert_eq!((&answer["truncated"]["bytes"], &answer["truncated"]["shown"]), (&json!(400), &json!(100)));
        let list = raw(&json!(vec!["item"; 100]).to_string());
        let answer = parsed(&ExecuteAnswer::new(&completed(&list), &[], &[], &LIMITS));
        assert!(answer["result"].as_str().unwrap().starts_with(r#"["item","item""#));
        assert_eq!(answer["truncated"]["bytes"], 701);
    }

    #[test]
    fn logs_are_cut_after_their_budget() {
        let logs: Vec<String> = ["a".repeat(50), "b".repeat(50), "c".into(), "d".into()].into();
        let answer = parsed(&ExecuteAnswer::new(&completed(&raw("null")), &logs, &[], &LIMITS));
        let shown = answer["logs"].as_array().unwrap();
        assert_eq!(shown[0], "a".repeat(50));
        assert_eq!(shown[1], format!("{}… [cut: the first 9 of 50 bytes]", "b".repeat(9)));
        assert_eq!(shown[2], "… [cut: 2 more lines, 2 bytes]");
    }

    #[test]
    fn a_failure_says_which_calls_were_made() {
        let failure = Failure {
            kind: "tool",
            limit: None,
            tool: Some("git.show"),
            message: "no such commit",
            line: Some(3),
            hint: Some("look first"),
        };
        let answer = ExecuteAnswer::new(&Outcome::Failed(failure), &[], &CALLS, &LIMITS);
        assert!(answer.is_error);
        let answer = parsed(&answer);
        assert_eq!(answer["status"], "failed");
        assert_eq!(answer["calls"], json!(["git.log ×2", "git.show ×2, 1 failed"]));
        let completed = json!([{"tool": "git.log", "ok": true}, {"tool": "git.show", "ok": true}]);
        let error = json!({"kind": "tool", "tool": "git.show", "message": "no such commit", "line": 3, "hint": "look first",
            "completedCalls": completed, "completedCallsLeftOut": 2});
        assert_eq!(answer["error"], error);
    }

    #[test]
    fn a_pause_says_what_it_waits_for() {
        let paused = Paused { execution_id: "x1", tools: &["git.push"], approver: "operator", hint: "then call again" };
        let answer = ExecuteAnswer::new(&Outcome::Paused(paused), &[], &CALLS[..1], &LIMITS);
        let expected = r#"{"status":"paused","calls":["git.log"],"paused":{"executionId":"x1","waitsFor":["git.push"],"approver":"operator","hint":"then call again"}}"#;
        assert_eq!((answer.json.as_str(), answer.is_error), (expected, false));
    }

    #[test]
    fn the_result_of_the_call_has_the_object_twice_and_says_if_it_failed() {
        let failure =
            Failure { kind: "limit", limit: Some("gas"), tool: None, message: "x\"y", line: None, hint: None };
        let answer = ExecuteAnswer::new(&Outcome::Failed(failure), &[], &[], &LIMITS);
        let result: Value = serde_json::from_str(&answer.result()).unwrap();
        assert_eq!(result["isError"], true);
        let text: Value = serde_json::from_str(result["content"][0]["text"].as_str().unwrap()).unwrap();
        assert_eq!(text, result["structuredContent"]);
        assert_eq!(text["error"], json!({"kind": "limit", "limit": "gas", "message": "x\"y"}));
    }

    #[test]
    fn an_answer_is_bounded_whatever_is_in_it() {
        let failure = Failure {
            kind: "runtime",
            limit: None,
            tool: None,
            message: &"m".repeat(1 << 20),
            line: None,
            hint: Some(&"h".repeat(1 << 20)),
        };
        let logs = vec!["\u{1}".repeat(1000); 1000];
        let calls = vec![CALLS[0]; 100_000];
        let answer = ExecuteAnswer::new(&Outcome::Failed(failure), &logs, &calls, &AnswerLimits::default());
        assert!(answer.json.len() < 80_000, "{}", answer.json.len());
    }
}
