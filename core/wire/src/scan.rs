//! Walking over JSON text by position: one walk that validates, one that trusts.
//!
//! Both are loops, not recursion: nesting costs no stack. Must never decode more than a member's name.

use crate::Span;

/// Why text is no JSON value, or none that is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Not JSON from this offset on.
    Syntax(usize),
    /// Nested deeper than allowed.
    TooDeep,
}

/// The kinds of the containers that are open, innermost last: one bit each, on the heap only beyond 64.
#[derive(Default)]
struct Nesting {
    depth: usize,
    top: u64,
    below: Vec<u64>,
}

impl Nesting {
    #[inline]
    fn push(&mut self, object: u64, max: usize) -> Result<(), Fault> {
        if self.depth >= max {
            return Err(Fault::TooDeep);
        }
        if self.depth > 0 && self.depth.is_multiple_of(64) {
            self.below.push(self.top);
        }
        self.top = self.top << 1 | object;
        self.depth += 1;
        Ok(())
    }

    #[inline]
    fn pop(&mut self) {
        self.depth -= 1;
        self.top >>= 1;
        if self.depth > 0 && self.depth.is_multiple_of(64) {
            self.top = self.below.pop().unwrap_or_default();
        }
    }

    #[inline]
    fn innermost(&self) -> Option<u8> {
        (self.depth > 0).then_some(if self.top & 1 == OBJECT { b'}' } else { b']' })
    }
}

/// Whether what is between a string's quotes stands for itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spelling {
    Plain,
    Escaped,
}

const OBJECT: u64 = 1;
const ARRAY: u64 = 0;

/// Validates while it walks.
#[derive(Clone, Debug)]
pub(crate) struct Scanner<'a> {
    bytes: &'a [u8],
    pub(crate) at: usize,
}

impl<'a> Scanner<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    #[inline]
    pub(crate) fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    #[inline]
    pub(crate) fn space(&mut self) {
        self.at = skip_space(self.bytes, self.at);
    }

    #[inline]
    pub(crate) fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    #[inline]
    pub(crate) fn expect(&mut self, byte: u8) -> Result<(), Fault> {
        if self.eat(byte) { Ok(()) } else { Err(self.fault()) }
    }

    fn fault(&self) -> Fault {
        Fault::Syntax(self.at)
    }

    /// Nothing but space may follow.
    pub(crate) fn end(&mut self) -> Result<(), Fault> {
        self.space();
        if self.at == self.bytes.len() { Ok(()) } else { Err(self.fault()) }
    }

    /// A member's name and its colon; returns where the name stands, quotes included, and how it is spelt.
    #[inline]
    pub(crate) fn name(&mut self) -> Result<(Span, Spelling), Fault> {
        self.space();
        let start = self.at;
        let spelling = self.string()?;
        let name = start..self.at;
        self.space();
        self.expect(b':')?;
        Ok((name, spelling))
    }

    /// Any value of at most `max` containers within each other; returns where it stands.
    pub(crate) fn value(&mut self, max: usize) -> Result<Span, Fault> {
        self.space();
        let start = self.at;
        let mut open = Nesting::default();
        loop {
            self.space();
            match self.peek() {
                Some(b'{') => {
                    open.push(OBJECT, max)?;
                    self.at += 1;
                    self.space();
                    if !self.eat(b'}') {
                        self.name()?;
                        continue;
                    }
                    open.pop();
                }
                Some(b'[') => {
                    open.push(ARRAY, max)?;
                    self.at += 1;
                    self.space();
                    if !self.eat(b']') {
                        continue;
                    }
                    open.pop();
                }
                _ => self.scalar()?,
            }
            if self.close(&mut open)? {
                return Ok(start..self.at);
            }
        }
    }

    /// After a value: closes what ends here. True when nothing is open any more; false when a value must follow.
    #[inline]
    fn close(&mut self, open: &mut Nesting) -> Result<bool, Fault> {
        while let Some(closing) = open.innermost() {
            self.space();
            if self.eat(closing) {
                open.pop();
                continue;
            }
            self.expect(b',')?;
            if closing == b'}' {
                self.name()?;
            }
            return Ok(false);
        }
        Ok(true)
    }

    fn scalar(&mut self) -> Result<(), Fault> {
        match self.peek() {
            Some(b'"') => self.string().map(|_| ()),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.literal(b"true"),
            Some(b'f') => self.literal(b"false"),
            Some(b'n') => self.literal(b"null"),
            _ => Err(self.fault()),
        }
    }

    fn literal(&mut self, word: &[u8]) -> Result<(), Fault> {
        if !self.bytes[self.at..].starts_with(word) {
            return Err(self.fault());
        }
        self.at += word.len();
        Ok(())
    }

    fn number(&mut self) -> Result<(), Fault> {
        self.eat(b'-');
        if !self.eat(b'0') {
            self.digits()?;
        }
        if self.eat(b'.') {
            self.digits()?;
        }
        if self.eat(b'e') || self.eat(b'E') {
            let _ = self.eat(b'+') || self.eat(b'-');
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), Fault> {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        if self.at == start { Err(self.fault()) } else { Ok(()) }
    }

    #[inline]
    fn string(&mut self) -> Result<Spelling, Fault> {
        self.expect(b'"')?;
        let mut spelling = Spelling::Plain;
        loop {
            self.at = string_stop(self.bytes, self.at);
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(spelling);
                }
                Some(b'\\') => {
                    spelling = Spelling::Escaped;
                    self.escape()?;
                }
                _ => return Err(self.fault()),
            }
        }
    }

    fn escape(&mut self) -> Result<(), Fault> {
        self.at += 1;
        match self.peek() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => {
                self.at += 1;
                Ok(())
            }
            Some(b'u') => {
                let hex = self.bytes.get(self.at + 1..self.at + 5).ok_or_else(|| self.fault())?;
                if !hex.iter().all(u8::is_ascii_hexdigit) {
                    return Err(self.fault());
                }
                self.at += 5;
                Ok(())
            }
            _ => Err(self.fault()),
        }
    }
}

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;

/// The first `"`, `\` or control character at or after `at`; the end if there is none. Eight bytes at a time.
#[inline]
pub(crate) fn string_stop(bytes: &[u8], mut at: usize) -> usize {
    while let Some(word) = bytes.get(at..).and_then(<[u8]>::first_chunk) {
        let word = u64::from_le_bytes(*word);
        let quote = word ^ (ONES * b'"' as u64);
        let escape = word ^ (ONES * b'\\' as u64);
        // A byte's high bit is set where it is below 0x20, a quote or a backslash; what lies above the first such byte
        // may be wrong, and is not looked at.
        let control = word.wrapping_sub(ONES * 0x20) & !word;
        let found = (control | (quote.wrapping_sub(ONES) & !quote) | (escape.wrapping_sub(ONES) & !escape)) & HIGHS;
        if found != 0 {
            return at + (found.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    let rest = bytes.get(at..).unwrap_or_default();
    let stop = rest.iter().position(|&byte| byte < 0x20 || byte == b'"' || byte == b'\\');
    at + stop.unwrap_or(rest.len())
}

/// The first position at or after `at` that is no JSON space.
#[inline]
pub(crate) fn skip_space(bytes: &[u8], mut at: usize) -> usize {
    while matches!(bytes.get(at), Some(b' ' | b'\n' | b'\r' | b'\t')) {
        at += 1;
    }
    at
}

/// The end of the string that begins at `at`, of text known to be JSON. `None` if it does not end.
#[inline]
pub(crate) fn skip_string(bytes: &[u8], at: usize) -> Option<usize> {
    skip_spelt(bytes, at).map(|(end, _)| end)
}

/// The same, and how it is spelt.
#[inline]
pub(crate) fn skip_spelt(bytes: &[u8], at: usize) -> Option<(usize, Spelling)> {
    let mut at = at + 1;
    let mut spelling = Spelling::Plain;
    loop {
        at = string_stop(bytes, at);
        match bytes.get(at)? {
            b'"' => return Some((at + 1, spelling)),
            b'\\' => at += 2,
            _ => at += 1,
        }
        spelling = Spelling::Escaped;
    }
}

/// The end of the value that begins at `at`, of text known to be JSON; on other text it ends somewhere, or is `None`.
pub(crate) fn skip_value(bytes: &[u8], at: usize) -> Option<usize> {
    match bytes.get(at)? {
        b'"' => skip_string(bytes, at),
        b'{' | b'[' => skip_container(bytes, at),
        b',' | b':' | b'}' | b']' => None,
        _ => Some(skip_word(bytes, at)),
    }
}

fn skip_word(bytes: &[u8], mut at: usize) -> usize {
    while !matches!(bytes.get(at), None | Some(b',' | b'}' | b']' | b' ' | b'\n' | b'\r' | b'\t')) {
        at += 1;
    }
    at
}

fn skip_container(bytes: &[u8], mut at: usize) -> Option<usize> {
    let mut depth = 0_usize;
    loop {
        match bytes.get(at)? {
            b'"' => {
                at = skip_string(bytes, at)?;
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' if depth == 1 => return Some(at + 1),
            b'}' | b']' => depth -= 1,
            _ => {}
        }
        at += 1;
    }
}
