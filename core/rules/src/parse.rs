//! CEL's grammar, by recursive descent. How deep and how large a condition may be is counted while it is read, so that no text
//! makes the parser, or anything that walks what it made, run out of stack.

use crate::{
    ast::{Expr, Kind, Operator},
    bounds::MAX_DEPTH,
    lexer::{Lexer, Token},
    problem::{Checked, Position, Problem},
};

/// Reads `source`, which may have `most_parts` parts.
pub(crate) fn parse(source: &str, most_parts: usize) -> Checked<Expr> {
    let mut lexer = Lexer::new(source);
    let (token, at) = lexer.next()?;
    let mut parser = Parser { lexer, token, at, nested: 0, parts: 0, most_parts };
    let expr = parser.expression()?;
    match parser.token {
        Token::End => Ok(expr),
        _ => parser.expected("an operator, or the end"),
    }
}

/// How tightly operators bind; none binds looser than the first.
#[derive(Clone, Copy, PartialEq, PartialOrd)]
enum Level {
    Or,
    And,
    Relation,
    Sum,
    Product,
    Operand,
}

impl Level {
    const fn tighter(self) -> Self {
        match self {
            Self::Or => Self::And,
            Self::And => Self::Relation,
            Self::Relation => Self::Sum,
            Self::Sum => Self::Product,
            Self::Product | Self::Operand => Self::Operand,
        }
    }
}

/// What stands between two operands.
#[derive(Clone, Copy)]
enum Infix {
    Or,
    And,
    Operator(Operator),
}

fn infix(token: &Token<'_>) -> Option<(Infix, Level)> {
    let (operator, level) = match token {
        Token::Sign("||") => return Some((Infix::Or, Level::Or)),
        Token::Sign("&&") => return Some((Infix::And, Level::And)),
        Token::Word("in") => (Operator::In, Level::Relation),
        Token::Sign("==") => (Operator::Equal, Level::Relation),
        Token::Sign("!=") => (Operator::Unequal, Level::Relation),
        Token::Sign("<") => (Operator::Less, Level::Relation),
        Token::Sign("<=") => (Operator::LessOrEqual, Level::Relation),
        Token::Sign(">") => (Operator::Greater, Level::Relation),
        Token::Sign(">=") => (Operator::GreaterOrEqual, Level::Relation),
        Token::Sign("+") => (Operator::Add, Level::Sum),
        Token::Sign("-") => (Operator::Subtract, Level::Sum),
        Token::Sign("*") => (Operator::Multiply, Level::Product),
        Token::Sign("/") => (Operator::Divide, Level::Product),
        Token::Sign("%") => (Operator::Remainder, Level::Product),
        _ => return None,
    };
    Some((Infix::Operator(operator), level))
}

struct Parser<'s> {
    lexer: Lexer<'s>,
    token: Token<'s>,
    at: Position,
    /// How many expressions are open.
    nested: usize,
    parts: usize,
    most_parts: usize,
}

impl<'s> Parser<'s> {
    /// Goes on to the next token and gives the one before.
    fn advance(&mut self) -> Checked<Token<'s>> {
        let (token, at) = self.lexer.next()?;
        self.at = at;
        Ok(std::mem::replace(&mut self.token, token))
    }

    /// Goes on if the token is `sign`.
    fn take(&mut self, sign: &'static str) -> Checked<bool> {
        let there = self.token == Token::Sign(sign);
        if there {
            self.advance()?;
        }
        Ok(there)
    }

    fn require(&mut self, sign: &'static str, wanted: &'static str) -> Checked<()> {
        if self.take(sign)? { Ok(()) } else { self.expected(wanted) }
    }

    fn expected<T>(&self, wanted: &'static str) -> Checked<T> {
        Problem::Expected { found: self.token.describe(), wanted }.at(self.at)
    }

    /// Makes a part of the condition, if the bounds allow it.
    fn make(&mut self, at: Position, kind: Kind) -> Checked<Expr> {
        self.parts += 1;
        if self.parts > self.most_parts {
            return Problem::TooManyParts { most: self.most_parts }.at(at);
        }
        let depth = kind.depth() + 1;
        if depth > MAX_DEPTH {
            return Problem::TooDeep { most: MAX_DEPTH }.at(at);
        }
        Ok(Expr { at, depth, kind })
    }

    /// `condition ? then : otherwise`, or anything that binds tighter.
    fn expression(&mut self) -> Checked<Expr> {
        if self.nested == MAX_DEPTH {
            return Problem::TooDeep { most: MAX_DEPTH }.at(self.at);
        }
        self.nested += 1;
        let condition = self.infixes(Level::Or)?;
        let at = self.at;
        let expr = if self.take("?")? {
            let then = self.infixes(Level::Or)?;
            self.require(":", "\":\" and what holds otherwise")?;
            let otherwise = self.expression()?;
            self.make(at, Kind::Choice(Box::new([condition, then, otherwise])))?
        } else {
            condition
        };
        self.nested -= 1;
        Ok(expr)
    }

    /// Operands with operators between them that bind at least as tightly as `level`.
    fn infixes(&mut self, level: Level) -> Checked<Expr> {
        let mut left = self.operand()?;
        while let Some((infix, own)) = infix(&self.token).filter(|(_, own)| *own >= level) {
            let at = self.at;
            self.advance()?;
            let right = self.infixes(own.tighter())?;
            left = self.join(at, infix, left, right)?;
        }
        Ok(left)
    }

    /// A chain of `&&` or of `||` is one part, however long it is.
    fn join(&mut self, at: Position, infix: Infix, left: Expr, right: Expr) -> Checked<Expr> {
        let kind = match (infix, left) {
            (Infix::And, Expr { kind: Kind::And(mut parts), .. }) => {
                parts.push(right);
                Kind::And(parts)
            }
            (Infix::Or, Expr { kind: Kind::Or(mut parts), .. }) => {
                parts.push(right);
                Kind::Or(parts)
            }
            (Infix::And, left) => Kind::And(vec![left, right]),
            (Infix::Or, left) => Kind::Or(vec![left, right]),
            (Infix::Operator(operator), left) => Kind::Binary(operator, Box::new([left, right])),
        };
        self.make(at, kind)
    }

    /// `!` and `-`, then a member.
    fn operand(&mut self) -> Checked<Expr> {
        let mut signs = Vec::new();
        while let Token::Sign(sign @ ("!" | "-")) = self.token {
            if signs.len() == MAX_DEPTH {
                return Problem::TooDeep { most: MAX_DEPTH }.at(self.at);
            }
            signs.push((sign, self.at));
            self.advance()?;
        }
        if let (Some(("-", at)), Token::Int(magnitude)) = (signs.last().copied(), &self.token) {
            let Some(int) = 0i64.checked_sub_unsigned(*magnitude) else {
                return Problem::Number(format!("-{magnitude}")).at(at);
            };
            signs.pop();
            self.advance()?;
            let literal = self.make(at, Kind::Int(int))?;
            return self.members(literal).and_then(|expr| self.signed(expr, &signs));
        }
        let expr = self.primary()?;
        self.members(expr).and_then(|expr| self.signed(expr, &signs))
    }

    fn signed(&mut self, mut expr: Expr, signs: &[(&'static str, Position)]) -> Checked<Expr> {
        for (sign, at) in signs.iter().rev() {
            let kind = match (*sign, expr) {
                ("-", Expr { kind: Kind::Double(double), .. }) => Kind::Double(-double),
                ("-", expr) => Kind::Negate(Box::new(expr)),
                (_, expr) => Kind::Not(Box::new(expr)),
            };
            expr = self.make(*at, kind)?;
        }
        Ok(expr)
    }

    /// `.member`, `.function(…)` and `[index]` behind `expr`.
    fn members(&mut self, mut expr: Expr) -> Checked<Expr> {
        loop {
            let at = self.at;
            if self.take(".")? {
                expr = self.member(expr)?;
            } else if self.take("[")? {
                self.no_optional()?;
                let index = self.expression()?;
                self.require("]", "\"]\"")?;
                expr = self.make(at, Kind::Index(Box::new(expr), Box::new(index)))?;
            } else {
                return Ok(expr);
            }
        }
    }

    fn no_optional(&self) -> Checked<()> {
        if self.token != Token::Sign("?") {
            return Ok(());
        }
        Problem::Unsupported { what: "optional values", instead: "ask with has(…)" }.at(self.at)
    }

    fn member(&mut self, operand: Expr) -> Checked<Expr> {
        self.no_optional()?;
        let at = self.at;
        let Token::Word(name) = self.token else {
            return self.expected("a member's name; other members are written [\"…\"]");
        };
        self.advance()?;
        let operand = Box::new(operand);
        let kind = if self.take("(")? {
            Kind::Call(Some(operand), name.to_owned(), self.list(")")?)
        } else {
            Kind::Select(operand, name.to_owned())
        };
        self.make(at, kind)
    }

    /// Expressions between commas up to `end`.
    fn list(&mut self, end: &'static str) -> Checked<Vec<Expr>> {
        let mut parts = Vec::new();
        while !self.take(end)? {
            self.no_optional()?;
            parts.push(self.expression()?);
            if !self.take(",")? {
                self.require(end, if end == "]" { "\",\" or \"]\"" } else { "\",\" or \")\"" })?;
                break;
            }
        }
        Ok(parts)
    }

    fn map(&mut self) -> Checked<Vec<(Expr, Expr)>> {
        let mut entries = Vec::new();
        while !self.take("}")? {
            self.no_optional()?;
            let key = self.expression()?;
            self.require(":", "\":\" and the member's value")?;
            entries.push((key, self.expression()?));
            if !self.take(",")? {
                self.require("}", "\",\" or \"}\"")?;
                break;
            }
        }
        Ok(entries)
    }

    fn primary(&mut self) -> Checked<Expr> {
        let at = self.at;
        if matches!(self.token, Token::End) {
            return self.expected("a value");
        }
        let kind = match self.advance()? {
            Token::Int(int) => match i64::try_from(int) {
                Ok(int) => Kind::Int(int),
                Err(_) => return Problem::Number(int.to_string()).at(at),
            },
            Token::Uint(uint) => Kind::Uint(uint),
            Token::Double(double) => Kind::Double(double),
            Token::Text(text) => Kind::Text(text),
            Token::Word(word) => self.word(word, at)?,
            Token::Sign("(") => {
                let inner = self.expression()?;
                self.require(")", "\")\"")?;
                return Ok(inner);
            }
            Token::Sign("[") => Kind::List(self.list("]")?),
            Token::Sign("{") => Kind::Map(self.map()?),
            token => return Problem::Expected { found: token.describe(), wanted: "a value" }.at(at),
        };
        self.make(at, kind)
    }

    fn word(&mut self, word: &'s str, at: Position) -> Checked<Kind> {
        Ok(match word {
            "true" => Kind::Bool(true),
            "false" => Kind::Bool(false),
            "null" => Kind::Null,
            "in" => return Problem::Expected { found: "\"in\"".into(), wanted: "a value" }.at(at),
            _ if self.take("(")? => Kind::Call(None, word.to_owned(), self.list(")")?),
            _ => Kind::Name(word.to_owned()),
        })
    }
}
