//! Words that people use for what tools call otherwise. Few, and only of what tools do in general: every pair costs precision.

use super::words;

/// Words that stand for each other.
const ALIKE: &[&[&str]] = &[
    &["get", "fetch", "retrieve", "read", "view", "show", "display"],
    &["find", "search", "look", "lookup"],
    &["list", "browse", "enumerate", "show"],
    &["create", "add", "new", "make", "open", "start", "put", "write"],
    &["delete", "remove", "drop", "destroy", "erase", "clear", "trash"],
    &["update", "edit", "modify", "change", "set", "alter"],
    &["run", "execute", "launch", "trigger"],
    &["send", "post", "submit"],
    &["folder", "directory", "dir"],
    &["repo", "repository", "project"],
    &["ticket", "issue", "bug"],
    &["picture", "image", "photo"],
    &["diagram", "chart", "graph", "plot"],
    &["website", "url", "webpage", "site", "web", "page"],
    &["comment", "note", "reply"],
    &["doc", "document"],
    &["database", "db"],
    &["person", "user", "people", "member", "account"],
    &["close", "resolve"],
    &["rename", "move"],
    &["copy", "duplicate", "clone"],
    &["spreadsheet", "workbook", "excel", "worksheet", "sheet"],
    &["pipeline", "ci", "workflow", "build"],
    &["diff", "compare", "difference"],
    &["history", "log", "changelog"],
    &["convert", "transform", "translate"],
    &["clock", "time"],
    &["press", "click"],
    &["label", "tag"],
    &["attach", "upload"],
    &["download", "save", "export"],
    &["kill", "terminate", "stop", "cancel", "abort"],
    &["evaluate", "calculate", "compute", "solve"],
    &["remember", "memory", "recall"],
    &["several", "multiple", "batch", "bulk"],
    &["last", "latest", "recent", "newest"],
    &["simulate", "emulate"],
    &["phone", "mobile", "device"],
    &["highlight", "format"],
    &["check", "validate", "verify", "test"],
    &["restart", "retry", "rerun"],
    &["password", "secret", "credential"],
    &["column", "field"],
    &["mail", "email", "message"],
    &["merge", "combine", "join"],
    &["size", "length"],
    &["error", "failure", "failed"],
];

/// Short forms, written out, and what is asked of numbers.
const SHORT: &[(&str, &[&str])] = &[
    ("many", &["count"]),
    ("mr", &["merge", "request"]),
    ("mrs", &["merge", "request"]),
    ("pr", &["pull", "request"]),
    ("prs", &["pull", "request"]),
    ("js", &["javascript"]),
    ("env", &["environment"]),
    ("repos", &["repository"]),
    ("dirs", &["directory"]),
];

/// The words a short form stands for.
pub(super) fn written_out(word: &str) -> Option<&'static [&'static str]> {
    SHORT.iter().find(|(short, _)| *short == word).map(|(_, words)| *words)
}

/// The table in stems. A search makes it once.
#[derive(Debug)]
pub(super) struct Synonyms(Vec<Vec<String>>);

impl Synonyms {
    pub(super) fn new() -> Self {
        Self(ALIKE.iter().map(|group| group.iter().map(|word| words::stem(word)).collect()).collect())
    }

    /// Stems that mean about the same as `stem`, each once.
    pub(super) fn of(&self, stem: &str) -> Vec<&str> {
        let groups = self.0.iter().filter(|group| group.iter().any(|other| other == stem));
        let mut found: Vec<&str> = Vec::new();
        for other in groups.flatten().filter(|other| *other != stem) {
            if !found.contains(&other.as_str()) {
                found.push(other);
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_leads_to_others_in_any_form_but_not_to_itself() {
        let synonyms = Synonyms::new();
        for form in ["delete", "deleting", "deletion"] {
            let found = synonyms.of(&words::stem(form)).into_iter().map(str::to_owned).collect::<Vec<_>>();
            assert!(found.contains(&words::stem("remove")));
            assert!(!found.contains(&words::stem("delete")));
        }
        assert_eq!(synonyms.of("nothing"), [""; 0]);
    }

    #[test]
    fn short_forms_are_written_out() {
        assert_eq!(written_out("pr"), Some(&["pull", "request"][..]));
        assert_eq!(written_out("many"), Some(&["count"][..]));
        assert_eq!(written_out("pull"), None);
    }
}
