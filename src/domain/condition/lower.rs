//! From the parser's tree to ours: what is connected how, and which functions there are.

use super::{
    field::{Field, Kind, Schema, Standard},
    problem::{Position, Problem},
    tree::{Comparison, Node, Test, TextTest},
};
use cel::common::ast::{CallExpr, Expr, IdedExpr, LiteralValue, SourceInfo, operators as op};
use std::cell::Cell;

/// Parts within parts at most.
pub const DEPTH_MAX: usize = 8;
/// Parts at most.
pub const NODES_MAX: usize = 128;
/// Values of a list at most.
pub const LIST_MAX: usize = 500;
/// What `created_within_months` and `older_than_months` take.
const MONTHS: std::ops::RangeInclusive<i64> = 1..=120;

const FUNCTIONS: &str = "has(account.f), account.f.startsWith(\"..\"), account.f.contains(\"..\"), account.f.endsWith(\"..\"), \
                         created_within_months(n), older_than_months(n), timestamp(\"..\"), duration(\"..\")";

/// How strictly a text is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// As somebody writes it now.
    Written,
    /// As it was written once: fields may have gone out of use since, choices may have gone.
    Kept,
}

/// What is known while a tree is lowered.
pub(super) struct Lowering<'a> {
    pub text: &'a str,
    pub source: &'a SourceInfo,
    pub schema: Schema<'a>,
    pub reading: Reading,
    pub nodes: Cell<usize>,
}

impl Lowering<'_> {
    /// A problem where the expression begins.
    pub(super) fn problem(&self, expr: &IdedExpr, message: impl Into<String>) -> Problem {
        let start = |expr: &IdedExpr| self.source.offset_for(expr.id).map(|(start, _)| start as usize);
        match start(leftmost(expr)).or_else(|| start(expr)) {
            Some(at) => Problem::at(Position::of_byte(self.text, at), message),
            None => Problem::whole(message),
        }
    }

    /// A problem where the parser says that the expression is: at its operator or bracket.
    fn problem_there(&self, expr: &IdedExpr, message: impl Into<String>) -> Problem {
        match self.source.offset_for(expr.id) {
            Some((at, _)) => Problem::at(Position::of_byte(self.text, at as usize), message),
            None => Problem::whole(message),
        }
    }

    /// A part of the condition, `depth` parts deep.
    pub(super) fn node(&self, expr: &IdedExpr, depth: usize) -> Result<Node, Problem> {
        self.nodes.set(self.nodes.get() + 1);
        if self.nodes.get() > NODES_MAX {
            return Err(self.problem(expr, format!("is too much: a condition has at most {NODES_MAX} parts")));
        }
        if depth > DEPTH_MAX {
            return Err(self.problem(
                expr,
                format!("is too deep: a condition has at most {DEPTH_MAX} parts within parts"),
            ));
        }
        match &expr.expr {
            Expr::Literal(LiteralValue::Boolean(holds)) => Ok(Node::Always(*holds.inner())),
            Expr::Call(call) => match call.func_name.as_str() {
                op::LOGICAL_AND | op::LOGICAL_OR => {
                    let mut parts = Vec::new();
                    self.gather(call, &call.func_name, depth, &mut parts)?;
                    Ok(if call.func_name == op::LOGICAL_AND {
                        Node::All(parts)
                    } else {
                        Node::Any(parts)
                    })
                }
                op::LOGICAL_NOT => match self.node(self.only(expr, call)?, depth + 1)? {
                    Node::Not(inner) => Ok(*inner),
                    inner => Ok(Node::Not(Box::new(inner))),
                },
                _ => self.question(expr, call),
            },
            Expr::Select(select) if select.test => {
                let field = self.select(expr, &select.operand, &select.field)?;
                self.has(expr, field).map(Node::Test)
            }
            Expr::Select(_) | Expr::Ident(_) => {
                let field = self.field(expr)?;
                if field.kind() == Kind::Flag {
                    Ok(Node::Test(Test::Is(field)))
                } else {
                    Err(self.problem(expr, format!("{field} is no yes or no by itself; compare it, or ask has({field})")))
                }
            }
            Expr::Comprehension(_) => Err(self.problem_there(
                expr,
                "there are no macros such as exists, all, map and filter; write \"vip\" in account.tags, and || for several",
            )),
            _ => Err(self.problem(expr, "is no condition; expected a comparison, a function, true or false")),
        }
    }

    /// The parts of a chain of the same operator, however it is put in brackets.
    fn gather(&self, call: &CallExpr, same: &str, depth: usize, parts: &mut Vec<Node>) -> Result<(), Problem> {
        for part in &call.args {
            match &part.expr {
                Expr::Call(inner) if inner.func_name == same => self.gather(inner, same, depth, parts)?,
                _ => parts.push(self.node(part, depth + 1)?),
            }
        }
        Ok(())
    }

    fn only<'e>(&self, expr: &IdedExpr, call: &'e CallExpr) -> Result<&'e IdedExpr, Problem> {
        match call.args.as_slice() {
            [only] => Ok(only),
            _ => Err(self.problem_there(expr, "expected one value in these brackets")),
        }
    }

    pub(super) fn has(&self, expr: &IdedExpr, field: Field) -> Result<Test, Problem> {
        if field == Field::Standard(Standard::Departments) {
            let message = "whether there are departments cannot be asked; write has(account.owner), or \"id\" in account.departments";
            return Err(self.problem(expr, message));
        }
        Ok(Test::Has(field))
    }

    fn question(&self, expr: &IdedExpr, call: &CallExpr) -> Result<Node, Problem> {
        let comparison = match call.func_name.as_str() {
            op::EQUALS => Comparison::Equal,
            op::NOT_EQUALS => Comparison::NotEqual,
            op::LESS => Comparison::Less,
            op::LESS_EQUALS => Comparison::LessOrEqual,
            op::GREATER => Comparison::Greater,
            op::GREATER_EQUALS => Comparison::GreaterOrEqual,
            op::IN => return self.within(expr, call).map(Node::Test),
            op::INDEX => {
                let field = self.field(expr)?;
                return Err(self.problem(expr, format!("{field} is no yes or no by itself; compare it")));
            }
            _ => return self.function(expr, call).map(Node::Test),
        };
        match call.args.as_slice() {
            [left, right] => self.compare(expr, left, comparison, right),
            _ => Err(self.problem_there(expr, "expected a value on each side")),
        }
    }

    fn function(&self, expr: &IdedExpr, call: &CallExpr) -> Result<Test, Problem> {
        if let Some(target) = &call.target {
            let test = match call.func_name.as_str() {
                "startsWith" => TextTest::StartsWith,
                "contains" => TextTest::Contains,
                "endsWith" => TextTest::EndsWith,
                "matches" => {
                    let message = "there are no regular expressions; there are startsWith, contains and endsWith";
                    return Err(self.problem_there(expr, message));
                }
                other => {
                    return Err(self.problem_there(expr, format!("unknown function {other}; there are {FUNCTIONS}")));
                }
            };
            let field = self.field(target)?;
            if field.kind() != Kind::Text {
                let message = format!("{} is for text, and {field} is {}", test.name(), expected(field.kind()));
                return Err(self.problem(target, message));
            }
            let text = self.text(self.only(expr, call)?)?;
            return Ok(Test::Text(field, test, text));
        }
        match call.func_name.as_str() {
            "created_within_months" => self.months(expr, call).map(Test::CreatedWithin),
            "older_than_months" => self.months(expr, call).map(Test::OlderThan),
            "timestamp" | "duration" => {
                Err(self.problem_there(expr, format!("{} is a value; compare a field to it", call.func_name)))
            }
            "has" => Err(self.problem_there(expr, "has() asks for one field, such as has(account.grade)")),
            "matches" => Err(self.problem_there(
                expr,
                "there are no regular expressions; there are startsWith, contains and endsWith",
            )),
            other if is_name(other) => {
                Err(self.problem_there(expr, format!("unknown function {other}; there are {FUNCTIONS}")))
            }
            _ => Err(self.problem_there(
                expr,
                "there is no arithmetic but now - duration(\"P90D\") and now + duration(\"P90D\")",
            )),
        }
    }

    fn months(&self, expr: &IdedExpr, call: &CallExpr) -> Result<u32, Problem> {
        let months = self.only(expr, call)?;
        let number = match &months.expr {
            Expr::Literal(LiteralValue::Int(number)) if MONTHS.contains(number.inner()) => {
                u32::try_from(*number.inner()).ok()
            }
            _ => None,
        };
        number.ok_or_else(|| {
            let (from, to) = (MONTHS.start(), MONTHS.end());
            self.problem(
                months,
                format!("{} takes a whole number of months, {from} to {to}", call.func_name),
            )
        })
    }
}

/// What the values of a field are, in words.
pub(super) const fn expected(kind: Kind) -> &'static str {
    match kind {
        Kind::Text => "text",
        Kind::User => "the id of a user",
        Kind::Pool => "the id of a pool",
        Kind::Code(_) => "one of a list of names",
        Kind::Count => "a whole number",
        Kind::Number => "a number",
        Kind::Flag => "true or false",
        Kind::Time => "a time",
        Kind::Choice => "one of its choices",
        Kind::Tags => "a list of texts",
        Kind::Departments => "a list of ids of departments",
    }
}

/// The part of the expression that the text has first.
fn leftmost(mut expr: &IdedExpr) -> &IdedExpr {
    loop {
        expr = match &expr.expr {
            Expr::Select(select) if !select.test => &select.operand,
            Expr::Call(CallExpr {
                target: Some(target), ..
            }) => target,
            // Operators of two sides, and brackets after a field.
            Expr::Call(call) if call.args.len() == 2 && call.func_name.contains('_') && !is_name(&call.func_name) => {
                &call.args[0]
            }
            Expr::Call(call) if call.func_name == op::IN && call.args.len() == 2 => &call.args[0],
            _ => return expr,
        }
    }
}

/// Whether it is the name of a function rather than an operator, which is written with signs, as in `_+_` and `@in`.
pub(super) fn is_name(function: &str) -> bool {
    function.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}
