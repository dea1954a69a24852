//! From what an agent wrote to what the interpreter runs: the body of an async function whose last expression is its result.

use std::{convert::Infallible, ops::ControlFlow};

use boa_engine::{
    ast::{
        Declaration, Expression, Position, Script, Spanned, Statement, StatementListItem,
        expression::Call,
        scope::Scope,
        visitor::{VisitWith, Visitor},
    },
    interner::Interner,
    parser::{Error, Parser},
};

use crate::{
    engine,
    failure::{Failure, Kind},
    hint,
};

const OPEN: &str = "(async () => {";
const CLOSE: &str = "\n})()";
const FENCE: &str = "```";

/// The text to run: an expression that gives a promise of the result. Lines are numbered as the agent's are.
///
/// # Errors
/// If it is not JavaScript.
pub(crate) fn prepare(code: &str) -> Result<String, Failure> {
    let fenced = code.trim_start().starts_with(FENCE);
    let plain = if fenced { unfenced(code).unwrap_or_else(|| code.to_owned()) } else { code.to_owned() };
    if let Some(text) = object(&plain) {
        return Ok(text);
    }
    let failure = match as_result(&plain) {
        Ok(text) => return Ok(text),
        Err(error) => syntax_error(&error, &plain),
    };
    // Prose around a fenced block.
    let block = if fenced { None } else { unfenced(code) };
    let text = block.and_then(|block| as_result(&block).ok());
    // A function without a name is an expression only.
    text.or_else(|| expression(&plain)).ok_or(failure)
}

/// A program that is an object alone, which would be a block with labels otherwise.
fn object(code: &str) -> Option<String> {
    let alone = code.trim();
    if alone.starts_with('{') && alone.ends_with('}') { expression(code) } else { None }
}

/// A program that is one expression.
fn expression(code: &str) -> Option<String> {
    let text = format!("{OPEN}return ({code}\n){CLOSE}");
    parse(&text).ok().map(|_| text)
}

/// What is in the first fenced block, with as many lines before it as there were.
fn unfenced(code: &str) -> Option<String> {
    let before = code.lines().take_while(|line| !line.trim_start().starts_with(FENCE)).count();
    let mut lines = code.lines().skip(before);
    lines.next()?;
    let block: Vec<&str> = lines.take_while(|line| line.trim() != FENCE).collect();
    Some("\n".repeat(before + 1) + &block.join("\n"))
}

fn as_result(code: &str) -> Result<String, Error> {
    let code = without_export(code);
    let text = format!("{OPEN}{code}{CLOSE}");
    let program = parse(&text)?;
    let Some(edit) = edit(&program.0, &program.1) else { return Ok(text) };
    let edited = match edit {
        Edit::Return(at) => {
            let Some(at) = offset(&text, at).filter(|at| is_boundary(&text[..*at])) else { return Ok(text) };
            format!("{}return {}", &text[..at], &text[at..])
        }
        Edit::Call(name) => format!("{OPEN}{code}\nreturn {name}();{CLOSE}"),
    };
    // An edit that is no program is none that was meant.
    Ok(if parse(&edited).is_ok() { edited } else { text })
}

/// `export default` before the one thing that is exported says nothing here.
fn without_export(code: &str) -> String {
    code.replacen("export default ", "", usize::from(code.trim_start().starts_with("export default ")))
}

fn parse(text: &str) -> Result<(Script, Interner), Error> {
    let mut interner = Interner::default();
    let script = Parser::new(engine::source(text)).parse_script(&Scope::new_global(), &mut interner)?;
    if script.statements().len() == 1 {
        return Ok((script, interner));
    }
    // The text closed the function it is in.
    Err(Error::General { message: "unbalanced brackets".into(), position: Position::new(1, 1) })
}

/// What makes the program's last word its result.
enum Edit {
    /// `return` before the expression that begins here.
    Return(Position),
    /// The one function that was declared is called.
    Call(String),
}

fn edit(program: &Script, interner: &Interner) -> Option<Edit> {
    let items = body(program)?;
    match items.last()? {
        StatementListItem::Statement(statement) => match &**statement {
            Statement::Expression(expression) => Some(Edit::Return(beginning(expression))),
            _ => None,
        },
        StatementListItem::Declaration(declaration) if items.len() == 1 => {
            let name = match &**declaration {
                Declaration::FunctionDeclaration(function) => function.name(),
                Declaration::AsyncFunctionDeclaration(function) => function.name(),
                _ => return None,
            };
            Some(Edit::Call(interner.resolve(name.sym())?.to_string()))
        }
        StatementListItem::Declaration(_) => None,
    }
}

/// Where an expression begins. (A call's own span begins with its arguments.)
fn beginning(expression: &Expression) -> Position {
    let mut first = First(expression.span().start());
    let _ = first.visit_expression(expression);
    first.0
}

/// The first position of anything in an expression.
struct First(Position);

impl<'ast> Visitor<'ast> for First {
    type BreakTy = Infallible;

    fn visit_expression(&mut self, expression: &'ast Expression) -> ControlFlow<Infallible> {
        self.0 = self.0.min(expression.span().start());
        expression.visit_with(self)
    }
}

/// The statements of the async function that the program is in.
fn body(program: &Script) -> Option<&[StatementListItem]> {
    let StatementListItem::Statement(statement) = program.statements().first()? else { return None };
    let Statement::Expression(Expression::Call(call)) = &**statement else { return None };
    wrapped(call)
}

fn wrapped(call: &Call) -> Option<&[StatementListItem]> {
    let Expression::Parenthesized(inner) = call.function() else { return None };
    let Expression::AsyncArrowFunction(function) = inner.expression() else { return None };
    Some(function.body().statements())
}

/// Whether a word that begins here is a word of its own.
fn is_boundary(before: &str) -> bool {
    !before.ends_with(|last: char| last.is_alphanumeric() || matches!(last, '_' | '$' | '.' | '#'))
}

/// Where in `text` a position is, in bytes. Columns are counted in characters.
fn offset(text: &str, at: Position) -> Option<usize> {
    let mut start = 0;
    for _ in 1..at.line_number() {
        start += next_line(&text[start..])?;
    }
    let column = usize::try_from(at.column_number()).ok()? - 1;
    text[start..].char_indices().nth(column).map(|(index, _)| start + index)
}

/// Where the next line begins, after what JavaScript takes for the end of one.
fn next_line(text: &str) -> Option<usize> {
    let end = text.find(['\n', '\r', '\u{2028}', '\u{2029}'])?;
    let width = if text[end..].starts_with("\r\n") { 2 } else { text[end..].chars().next()?.len_utf8() };
    Some(end + width)
}

fn syntax_error(error: &Error, code: &str) -> Failure {
    let message = error.to_string();
    let line = match error {
        Error::Expected { span, .. } | Error::Unexpected { span, .. } => Some(span.start().line_number()),
        Error::General { position, .. } => Some(position.line_number()),
        _ => line_in(&message),
    };
    let lines = u32::try_from(code.lines().count().max(1)).unwrap_or(u32::MAX);
    let mut failure = Failure::new(Kind::Syntax, &format!("SyntaxError: {}", without_column(&message)));
    failure.line = line.map(|line| line.min(lines));
    let hint = hint::syntax(code, failure.line);
    failure.with_hint(hint)
}

/// The line that a message names.
fn line_in(message: &str) -> Option<u32> {
    let (_, rest) = message.split_once("at line ")?;
    rest.split(|character: char| !character.is_ascii_digit()).next()?.parse().ok()
}

/// Columns count what was put before the program, and would mislead.
fn without_column(message: &str) -> &str {
    message.rsplit_once(" at line ").map_or(message, |(text, _)| text)
}
