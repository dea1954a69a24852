//! Text to terms: words in lower case, camelCase and snake_case taken apart, endings taken off lightly, words that say nothing left out.
//! The same for what is indexed and for what is asked. Must never know what the text is of.

/// The longest term, in bytes.
const MAX_TERM: usize = 24;

/// Words that are in every text and so tell nothing apart.
const STOP: &[&str] = &[
    "a", "about", "again", "all", "also", "am", "an", "and", "any", "are", "as", "at", "be", "been", "but", "by",
    "can", "could", "did", "do", "does", "else", "etc", "for", "from", "had", "has", "have", "how", "i", "if", "in",
    "into", "is", "it", "its", "let", "like", "may", "me", "might", "my", "need", "needs", "no", "not", "of", "on",
    "one", "onto", "or", "our", "out", "please", "s", "should", "so", "some", "such", "than", "that", "the", "their",
    "them", "then", "there", "these", "they", "this", "those", "to", "too", "tool", "tools", "up", "us", "use", "used",
    "using", "via", "want", "was", "we", "were", "what", "when", "where", "which", "who", "why", "will", "with",
    "would", "you", "your",
];

/// Hands each word of `text` to `take`, in lower case, as it stands.
pub(crate) fn words(text: &str, mut take: impl FnMut(&str)) {
    let mut word = String::new();
    let mut before = Class::Other;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let class = Class::of(c);
        let next_is_lower = chars.peek().is_some_and(|next| Class::of(*next) == Class::Lower);
        if class.begins_word(before, next_is_lower) && !word.is_empty() {
            take(&word);
            word.clear();
        }
        if class != Class::Other && word.len() < MAX_TERM {
            word.extend(c.to_lowercase());
        }
        before = class;
    }
    if !word.is_empty() {
        take(&word);
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Upper,
    Lower,
    Digit,
    /// Written without spaces: each character is a word.
    Ideograph,
    Other,
}

impl Class {
    fn of(c: char) -> Self {
        match c {
            'a'..='z' => Self::Lower,
            'A'..='Z' => Self::Upper,
            '0'..='9' => Self::Digit,
            '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' => Self::Ideograph,
            c if c.is_uppercase() => Self::Upper,
            c if c.is_alphabetic() => Self::Lower,
            c if c.is_numeric() => Self::Digit,
            _ => Self::Other,
        }
    }

    /// `camelCase`, `HTTPServer`: a capital begins a word after a small letter, and before one.
    fn begins_word(self, before: Self, next_is_lower: bool) -> bool {
        match self {
            Self::Other | Self::Ideograph => true,
            Self::Upper => before == Self::Lower || before == Self::Digit || (before == Self::Upper && next_is_lower),
            Self::Lower | Self::Digit => before == Self::Ideograph,
        }
    }
}

/// Whether a word says nothing.
pub(crate) fn is_stop(word: &str) -> bool {
    STOP.binary_search(&word).is_ok()
}

/// A word without its ending: what `issue` and `issues`, `create`, `creates`, `created` and `creating` have in common.
pub(crate) fn stem(word: &str) -> String {
    let mut stem = singular(word);
    if !stem.is_ascii() {
        return stem;
    }
    for ending in ["ing", "ed"] {
        let Some(rest) = stem.strip_suffix(ending) else { continue };
        if rest.len() >= 3 && rest.bytes().any(is_vowel) {
            stem.truncate(rest.len());
            undouble(&mut stem);
            break;
        }
    }
    if stem.len() >= 7 && stem.ends_with("ion") {
        stem.truncate(stem.len() - 3);
    }
    if stem.len() >= 5 && stem.ends_with('e') {
        stem.pop();
    }
    stem
}

fn singular(word: &str) -> String {
    if let Some(rest) = word.strip_suffix("ies")
        && rest.len() >= 2
    {
        return format!("{rest}y");
    }
    for ending in ["ches", "shes", "sses", "xes", "zes"] {
        if word.len() > ending.len() && word.ends_with(ending) {
            return word[..word.len() - 2].to_owned();
        }
    }
    let keeps = ["ss", "us", "is"].iter().any(|ending| word.ends_with(ending));
    if word.len() >= 4 && word.ends_with('s') && !keeps { word[..word.len() - 1].to_owned() } else { word.to_owned() }
}

/// `stopp` becomes `stop`; `pull` stays.
fn undouble(stem: &mut String) {
    let bytes = stem.as_bytes();
    if let [.., a, b] = bytes
        && a == b
        && !matches!(b, b'l' | b's' | b'z')
        && !is_vowel(*b)
    {
        stem.pop();
    }
}

fn is_vowel(byte: u8) -> bool {
    matches!(byte, b'a' | b'e' | b'i' | b'o' | b'u' | b'y')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(text: &str) -> Vec<String> {
        let mut all = Vec::new();
        words(text, |word| all.push(word.to_owned()));
        all
    }

    #[test]
    fn names_are_taken_apart() {
        assert_eq!(split("listIssues list_issues list-issues"), ["list", "issues", "list", "issues", "list", "issues"]);
        assert_eq!(split("HTTPServer getURL v2 API-post"), ["http", "server", "get", "url", "v2", "api", "post"]);
        assert_eq!(split("Über-Straße"), ["über", "straße"]);
        assert_eq!(split("搜索abc"), ["搜", "索", "abc"]);
        assert_eq!(split("  ..  "), [""; 0]);
    }

    #[test]
    fn forms_of_a_word_are_one_term() {
        for forms in [
            &["issue", "issues"][..],
            &["create", "creates", "created", "creating", "creation"],
            &["merge", "merges", "merged", "merging"],
            &["delete", "deleted", "deletion", "deleting"],
            &["branch", "branches"],
            &["query", "queries"],
            &["stop", "stopped", "stopping"],
            &["repository", "repositories"],
        ] {
            for form in forms {
                assert_eq!(stem(form), stem(forms[0]), "{form}");
            }
        }
    }

    #[test]
    fn other_words_stay_apart() {
        for (a, b) in [("status", "state"), ("need", "ned"), ("string", "str"), ("process", "proce"), ("is", "i")] {
            assert_ne!(stem(a), stem(b));
        }
    }

    #[test]
    fn words_without_meaning_can_be_looked_up() {
        assert!(STOP.is_sorted());
        assert!(is_stop("the"));
        assert!(!is_stop("list"));
    }

    #[test]
    fn a_term_is_bounded() {
        assert!(split(&"x".repeat(5000))[0].len() <= MAX_TERM);
        assert!(split(&"é".repeat(5000))[0].len() <= MAX_TERM + 1);
    }
}
