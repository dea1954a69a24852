//! A condition's text as tokens of CEL. Knows no grammar; is linear in the text and never recurses.

use crate::{
    literal,
    problem::{Checked, Position, Problem},
};

/// Signs, the longer before those that they begin with.
const SIGNS: [&str; 24] = [
    "&&", "||", "==", "!=", "<=", ">=", "<", ">", "+", "-", "*", "/", "%", "!", "?", ":", ".", ",", "(", ")", "[", "]",
    "{", "}",
];

/// Words that CEL keeps, beside those that [`Token`] knows.
const RESERVED: [&str; 17] = [
    "as",
    "break",
    "const",
    "continue",
    "else",
    "for",
    "function",
    "if",
    "import",
    "let",
    "loop",
    "package",
    "namespace",
    "return",
    "var",
    "void",
    "while",
];

/// One token.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Token<'s> {
    Word(&'s str),
    Text(String),
    /// Without its sign, so that the least int can be written.
    Int(u64),
    Uint(u64),
    Double(f64),
    Sign(&'static str),
    End,
}

impl Token<'_> {
    /// How a message names it.
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::Word(word) => format!("{word:?}"),
            Self::Text(_) => "a text".into(),
            Self::Int(_) | Self::Uint(_) | Self::Double(_) => "a number".into(),
            Self::Sign(sign) => format!("{sign:?}"),
            Self::End => "the end".into(),
        }
    }
}

/// Reads tokens, one after the other.
#[derive(Debug)]
pub(crate) struct Lexer<'s> {
    rest: &'s str,
    at: Position,
}

impl<'s> Lexer<'s> {
    pub(crate) const fn new(source: &'s str) -> Self {
        Self { rest: source, at: Position { line: 1, column: 1 } }
    }

    /// The next token and where it begins.
    pub(crate) fn next(&mut self) -> Checked<(Token<'s>, Position)> {
        self.skip_blanks();
        let at = self.at;
        let Some(first) = self.rest.chars().next() else { return Ok((Token::End, at)) };
        let token = if let Some(opening) = literal::opening(self.rest) {
            self.text(opening, at)?
        } else if first.is_ascii_alphabetic() || first == '_' {
            self.word(at)?
        } else if first.is_ascii_digit() || (first == '.' && self.rest[1..].starts_with(|c: char| c.is_ascii_digit())) {
            self.number(at)?
        } else {
            self.sign(first, at)?
        };
        Ok((token, at))
    }

    /// Takes `bytes` of what is left, which end at a character's end.
    fn take(&mut self, bytes: usize) -> &'s str {
        let (taken, rest) = self.rest.split_at(bytes);
        for char in taken.chars() {
            if char == '\n' {
                self.at = Position { line: self.at.line.saturating_add(1), column: 1 };
            } else {
                self.at.column = self.at.column.saturating_add(1);
            }
        }
        self.rest = rest;
        taken
    }

    /// Takes characters while `take` says so.
    fn take_while(&mut self, mut take: impl FnMut(char) -> bool) -> &'s str {
        let end = self.rest.find(|c| !take(c)).unwrap_or(self.rest.len());
        self.take(end)
    }

    /// White space and comments.
    fn skip_blanks(&mut self) {
        loop {
            self.take_while(|c| matches!(c, ' ' | '\t' | '\n' | '\r' | '\x0c'));
            if !self.rest.starts_with("//") {
                return;
            }
            self.take_while(|c| c != '\n');
        }
    }

    fn word(&mut self, at: Position) -> Checked<Token<'s>> {
        let word = self.take_while(|c| c.is_ascii_alphanumeric() || c == '_');
        if RESERVED.contains(&word) {
            return Problem::Reserved(word.to_owned()).at(at);
        }
        Ok(Token::Word(word))
    }

    fn sign(&mut self, first: char, at: Position) -> Checked<Token<'s>> {
        match SIGNS.iter().find(|sign| self.rest.starts_with(**sign)) {
            Some(sign) => {
                self.take(sign.len());
                Ok(Token::Sign(sign))
            }
            None if first == '=' => {
                Problem::Expected { found: "\"=\"".into(), wanted: "\"==\", which compares" }.at(at)
            }
            None if matches!(first, '&' | '|') => {
                Problem::Expected { found: format!("\"{first}\""), wanted: "\"&&\" for and, \"||\" for or" }.at(at)
            }
            None => Problem::Character(first).at(at),
        }
    }

    /// `12`, `0x1f`, `12u`, `1.5`, `.5`, `1e3`.
    fn number(&mut self, at: Position) -> Checked<Token<'s>> {
        let bytes = self.rest.as_bytes();
        let digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
        let mut previous = ' ';
        let mut index = 0;
        // A dot belongs to a number only if a digit follows (`1.size()` calls a function), a sign only behind an exponent.
        let hex = self.rest.starts_with("0x") || self.rest.starts_with("0X");
        let text = self.take_while(|char| {
            let belongs = char.is_ascii_alphanumeric()
                || char == '_'
                || (char == '.' && digit(index + 1))
                || (!hex && matches!(char, '+' | '-') && matches!(previous, 'e' | 'E'));
            previous = char;
            index += char.len_utf8();
            belongs
        });
        literal::number(text).map_or_else(|| Problem::Number(text.chars().take(40).collect()).at(at), Ok)
    }

    fn text(&mut self, opening: literal::Opening, at: Position) -> Checked<Token<'s>> {
        if opening.bytes {
            let instead = "compare texts, or spell the characters with \\u";
            return Problem::Unsupported { what: "byte texts", instead }.at(at);
        }
        self.take(opening.length);
        let Some(length) = opening.find_end(self.rest) else { return Problem::Unclosed(opening.quote).at(at) };
        let inner = self.take(length);
        self.take(opening.quote.len());
        if opening.raw {
            return Ok(Token::Text(inner.to_owned()));
        }
        literal::unescape(inner).map(Token::Text).or_else(|escape| Problem::Escape(escape).at(at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(source: &str) -> Vec<Token<'_>> {
        let mut lexer = Lexer::new(source);
        let mut tokens = Vec::new();
        loop {
            match lexer.next().unwrap().0 {
                Token::End => return tokens,
                token => tokens.push(token),
            }
        }
    }

    fn problem(source: &str) -> Problem {
        let mut lexer = Lexer::new(source);
        loop {
            match lexer.next() {
                Ok((Token::End, _)) => panic!("{source} has no problem"),
                Ok(_) => {}
                Err(fault) => return fault.problem,
            }
        }
    }

    #[test]
    fn numbers_are_read_as_cel_writes_them() {
        assert_eq!(tokens("12 0x1F 7u 0xFu"), [Token::Int(12), Token::Int(31), Token::Uint(7), Token::Uint(15)]);
        assert_eq!(tokens("1.5 .5 1e3 2.5E-1"), [1.5, 0.5, 1000.0, 0.25].map(Token::Double));
        assert_eq!(tokens("0x1e+1"), [Token::Int(30), Token::Sign("+"), Token::Int(1)]);
        assert_eq!(tokens("1.size()")[..3], [Token::Int(1), Token::Sign("."), Token::Word("size")]);
        for bad in ["1a", "18446744073709551616", "0x", "1e", "1_000", "1.5u", "1e999"] {
            assert!(matches!(problem(bad), Problem::Number(_)), "{bad}");
        }
    }

    #[test]
    fn texts_are_read_as_cel_writes_them() {
        let text = |text: &str| Token::Text(text.to_owned());
        assert_eq!(tokens(r#""a\"b" 'a"b' r"a\b" R'\'"#), [text("a\"b"), text("a\"b"), text("a\\b"), text("\\")]);
        assert_eq!(tokens("'''a'\n''b''' \"\"\"\"\"\""), [text("a'\n''b"), text("")]);
        assert_eq!(tokens(r"'\x41\u00e9\U0001F600\101\n\?'"), [text("Aé😀A\n?")]);
        assert_eq!(tokens("radio r 'x'"), [Token::Word("radio"), Token::Word("r"), text("x")]);
        for bad in [r"'\q'", r"'\ud800'", r"'\U00110000'", r"'\x4'", r"'\400'", r"'\é'"] {
            assert!(matches!(problem(bad), Problem::Escape(_)), "{bad}");
        }
        for bad in ["'a", "'a\nb'", "'''a''", r"'\'"] {
            assert!(matches!(problem(bad), Problem::Unclosed(_)), "{bad}");
        }
        assert!(matches!(problem("b'a'"), Problem::Unsupported { .. }));
    }

    #[test]
    fn a_place_counts_characters() {
        let mut lexer = Lexer::new("'äö' // what\n  x");
        assert_eq!(lexer.next().unwrap().1, Position { line: 1, column: 1 });
        assert_eq!(lexer.next().unwrap().1, Position { line: 2, column: 3 });
    }

    #[test]
    fn what_is_no_token_is_named() {
        assert!(matches!(problem("a # b"), Problem::Character('#')));
        assert!(matches!(problem("ä"), Problem::Character('ä')));
        assert!(matches!(problem("a = b"), Problem::Expected { .. }));
        assert!(matches!(problem("a & b"), Problem::Expected { .. }));
        assert!(matches!(problem("if"), Problem::Reserved(_)));
    }
}
