//! The two sides of a comparison: which field is meant, and whether the value is one that it can have.

use super::{
    duration,
    field::{Code, Custom, Field, Kind, Schema, Standard},
    lower::{LIST_MAX, Lowering, Reading, expected, is_name},
    problem::Problem,
    tree::{Comparison, Moment, Node, Test, Value},
};
use crate::domain::ids::{DepartmentId, UserId, parse_own};
use cel::common::ast::{CallExpr, Expr, IdedExpr, LiteralValue, operators as op};
use chrono::{DateTime, Datelike, TimeDelta, Utc};

/// The parser's name of `-` between two values.
const MINUS: &str = "_-_";
/// Numbers beyond this are not all to be had as whole numbers.
const EXACT: i64 = 1 << 53;

impl Lowering<'_> {
    /// Whether the expression speaks of the account rather than being a value.
    fn is_field(expr: &IdedExpr) -> bool {
        match &expr.expr {
            Expr::Ident(name) => name != "now",
            Expr::Select(select) => !select.test,
            Expr::Call(call) => call.func_name == op::INDEX,
            _ => false,
        }
    }

    /// The field that the expression names.
    pub(super) fn field(&self, expr: &IdedExpr) -> Result<Field, Problem> {
        match &expr.expr {
            Expr::Select(select) if !select.test => self.select(expr, &select.operand, &select.field),
            Expr::Call(CallExpr { func_name, args, .. }) if func_name == op::INDEX => match args.as_slice() {
                [of, name] if is_custom(of) => match &name.expr {
                    Expr::Literal(LiteralValue::String(name)) => self.custom(expr, name.inner()),
                    _ => Err(self.problem(name, "expected the name of a custom field in quotes")),
                },
                _ => Err(self.problem(expr, "only account.custom[\"name\"] has such brackets")),
            },
            Expr::Ident(name) => Err(self.problem(expr, self.bare(name))),
            _ => Err(self.problem(expr, "expected a field such as account.grade")),
        }
    }

    /// What to say of a name that stands by itself.
    fn bare(&self, name: &str) -> String {
        if Standard::ALL.iter().any(|field| field.name() == name) {
            format!("unknown name {name}; write account.{name}")
        } else if self.schema.definition(name).is_some() {
            format!("unknown name {name}; write account.custom.{name}")
        } else if name == "account" {
            "account is no value; name a field of it, such as account.grade".to_owned()
        } else if name == "now" {
            "now is a time; compare a field such as account.create_time to it".to_owned()
        } else {
            format!("unknown name {name}; fields begin with account., and texts stand in quotes")
        }
    }

    pub(super) fn select(&self, expr: &IdedExpr, of: &IdedExpr, name: &str) -> Result<Field, Problem> {
        if is_custom(of) {
            return self.custom(expr, name);
        }
        if !is_account(of) {
            // What is wrong with `custom` in `custom.size` is said of `custom`.
            let of = if Self::is_field(of) {
                self.field(of)?.to_string()
            } else {
                "this".to_owned()
            };
            return Err(self.problem(expr, format!("{of} has no field {name}")));
        }
        if let Some(field) = Standard::ALL.iter().find(|field| field.name() == name) {
            return Ok(Field::Standard(*field));
        }
        let message = if name == "custom" {
            "account.custom is no value; name a custom field, such as account.custom.size".to_owned()
        } else if self.schema.definition(name).is_some() {
            format!("unknown field account.{name}; write account.custom.{name}")
        } else {
            let known: Vec<_> = Standard::ALL.iter().map(|field| field.name()).collect();
            format!(
                "unknown field account.{name}; there are {}, and custom.<name>",
                known.join(", ")
            )
        };
        Err(self.problem(expr, message))
    }

    fn custom(&self, expr: &IdedExpr, name: &str) -> Result<Field, Problem> {
        let Some(definition) = self.schema.definition(name) else {
            return Err(self.problem(expr, unknown_custom(self.schema, name)));
        };
        if !definition.config.enabled && self.reading == Reading::Written {
            return Err(self.problem(expr, format!("custom field {name} is disabled")));
        }
        Ok(Field::Custom(Custom::of(definition)))
    }

    /// A field compared to a value, whichever comes first.
    pub(super) fn compare(
        &self,
        expr: &IdedExpr,
        left: &IdedExpr,
        how: Comparison,
        right: &IdedExpr,
    ) -> Result<Node, Problem> {
        let (field_expr, how, value) = match (Self::is_field(left), Self::is_field(right)) {
            (true, false) => (left, how, right),
            (false, true) => (right, how.mirrored(), left),
            (true, true) => {
                // A misspelt or unquoted word is more likely than two fields.
                self.field(left)?;
                self.field(right)?;
                return Err(self.problem(
                    right,
                    "one side of a comparison is a value; two fields cannot be compared",
                ));
            }
            (false, false) => {
                // What is no value at all is refused for what it is.
                for side in [left, right] {
                    if matches!(&side.expr, Expr::Comprehension(_)) || is_unknown_function(side) {
                        self.node(side, 1)?;
                    }
                }
                return Err(self.problem(expr, "one side of a comparison is a field such as account.grade"));
            }
        };
        let field = self.field(field_expr)?;
        let kind = field.kind();
        // What is asked of null and of true is a question without a value.
        let asked = match &value.expr {
            Expr::Literal(LiteralValue::Null) => Some((self.has(field_expr, field.clone())?, how != Comparison::Equal)),
            Expr::Literal(LiteralValue::Boolean(yes)) if kind == Kind::Flag => {
                Some((Test::Is(field.clone()), *yes.inner() == (how == Comparison::Equal)))
            }
            _ => None,
        };
        if let Some((test, plain)) = asked {
            if how.orders() {
                return Err(self.problem(value, "is neither less nor greater than anything; there are == and !="));
            }
            let node = Node::Test(test);
            return Ok(if plain { node } else { Node::Not(Box::new(node)) });
        }
        if kind == Kind::Flag {
            return Err(self.problem(value, format!("{field} is true or false; write {field} or !{field}")));
        }
        if matches!(kind, Kind::Tags | Kind::Departments) {
            return Err(self.problem(
                field_expr,
                format!("{field} is {}; write \"vip\" in {field}", expected(kind)),
            ));
        }
        if how.orders() && !matches!(kind, Kind::Text | Kind::Count | Kind::Number | Kind::Time) {
            let message = format!(
                "{field} is {}, of which none is less than another; there are == and !=",
                expected(kind)
            );
            return Err(self.problem(field_expr, message));
        }
        let value = self.value(&field, value)?;
        Ok(Node::Test(Test::Compare(field, how, value)))
    }

    /// `account.grade in ["A", "B"]` and `"vip" in account.tags`.
    pub(super) fn within(&self, expr: &IdedExpr, call: &CallExpr) -> Result<Test, Problem> {
        let [left, right] = call.args.as_slice() else {
            return Err(self.problem(expr, "expected a value on each side"));
        };
        if Self::is_field(right) {
            let field = self.field(right)?;
            return match field.kind() {
                Kind::Tags => Ok(Test::Member(self.text(left)?, field)),
                Kind::Departments => {
                    let text = self.text(left)?;
                    let id = DepartmentId::parse(&text);
                    let wrong = |wrong| self.problem(left, format!("the id of a department {wrong}"));
                    id.map_err(wrong).map(|_| Test::Member(text, field))
                }
                kind => Err(self.problem(right, format!("{field} is {}; in asks lists", expected(kind)))),
            };
        }
        let field = self.field(left)?;
        if matches!(field.kind(), Kind::Tags | Kind::Departments | Kind::Flag | Kind::Time) {
            let message = format!("{field} is {}, which cannot be in a list", expected(field.kind()));
            return Err(self.problem(left, message));
        }
        let Expr::List(list) = &right.expr else {
            return Err(self.problem(right, "expected a list such as [\"A\", \"B\"]"));
        };
        if list.elements.is_empty() || list.elements.len() > LIST_MAX {
            return Err(self.problem(right, format!("a list has 1 to {LIST_MAX} values")));
        }
        let values = list.elements.iter().map(|value| self.value(&field, value));
        let values = values.collect::<Result<_, _>>()?;
        Ok(Test::OneOf(field, values))
    }

    /// A text that is not empty.
    pub(super) fn text(&self, expr: &IdedExpr) -> Result<String, Problem> {
        let Expr::Literal(LiteralValue::String(text)) = &expr.expr else {
            return Err(self.problem(expr, "expected text in quotes"));
        };
        let text = text.inner();
        if text.is_empty() {
            return Err(self.problem(
                expr,
                "is empty, and empty means not set; ask has(account.grade) or !has(account.grade)",
            ));
        }
        if text.contains('\0') {
            return Err(self.problem(expr, "no text has a character 0"));
        }
        Ok(text.to_owned())
    }

    /// A value that the field can have.
    fn value(&self, field: &Field, expr: &IdedExpr) -> Result<Value, Problem> {
        let kind = field.kind();
        let wrong = |message: &str| self.problem(expr, format!("{field} {message}"));
        match kind {
            Kind::Text => match &expr.expr {
                Expr::Literal(LiteralValue::String(_)) => self.text(expr).map(Value::Text),
                _ => Err(wrong("is text; expected text in quotes")),
            },
            Kind::User | Kind::Pool | Kind::Code(_) | Kind::Choice => {
                let Expr::Literal(LiteralValue::String(text)) = &expr.expr else {
                    return Err(wrong(&format!("is {}; expected text in quotes", expected(kind))));
                };
                self.named(field, expr, text.inner())
            }
            Kind::Count => match &expr.expr {
                Expr::Literal(LiteralValue::Int(number)) => Ok(Value::Count(*number.inner())),
                _ => Err(wrong("is a whole number; expected one, such as 3")),
            },
            Kind::Number => number(expr).map(Value::Number).ok_or_else(|| {
                wrong(
                    "is a number; expected one such as 3 or 1.5, where whole ones are at most 9007199254740992 from 0",
                )
            }),
            Kind::Time => self.moment(field, expr).map(Value::Time),
            Kind::Flag | Kind::Tags | Kind::Departments => Err(wrong("cannot be compared")),
        }
    }

    fn named(&self, field: &Field, expr: &IdedExpr, text: &str) -> Result<Value, Problem> {
        let wrong = |message: String| self.problem(expr, message);
        match field.kind() {
            Kind::User => match UserId::parse(text) {
                Ok(_) => Ok(Value::Text(text.to_owned())),
                Err(error) => Err(wrong(format!("the id of a user {error}"))),
            },
            Kind::Pool => match parse_own(text) {
                Ok(id) => Ok(Value::Pool(id)),
                Err(error) => Err(wrong(format!("the id of a pool {error}"))),
            },
            Kind::Code(code) => code.all().find(|(_, name)| *name == text).map_or_else(
                || Err(wrong(format!("{field} is one of {}, not {text:?}", names(code)))),
                |(number, _)| Ok(Value::Code(number)),
            ),
            _ => {
                let text = self.text(expr)?;
                match field {
                    Field::Custom(custom) if self.reading == Reading::Written => self.check_choice(custom, expr, text),
                    _ => Ok(Value::Text(text)),
                }
            }
        }
    }

    fn check_choice(&self, field: &Custom, expr: &IdedExpr, text: String) -> Result<Value, Problem> {
        const NAMED: usize = 20;
        let choices = self
            .schema
            .definition(&field.name)
            .map_or(&[][..], |field| &field.config.choices);
        if choices.contains(&text) {
            return Ok(Value::Text(text));
        }
        let mut known: Vec<_> = choices.iter().take(NAMED).map(|choice| format!("{choice:?}")).collect();
        if choices.len() > NAMED {
            known.push(format!("{} more", choices.len() - NAMED));
        }
        let message = format!(
            "account.custom.{} is one of {}, not {text:?}",
            field.name,
            known.join(", ")
        );
        Err(self.problem(expr, message))
    }

    fn moment(&self, field: &Field, expr: &IdedExpr) -> Result<Moment, Problem> {
        let wrong = || {
            let message = format!(
                "{field} is a time; expected timestamp(\"2026-03-01T10:00:00+08:00\"), now, now - duration(\"P90D\") or now + duration(\"P90D\")"
            );
            self.problem(expr, message)
        };
        match &expr.expr {
            Expr::Ident(name) if name == "now" => Ok(Moment::FromNow(TimeDelta::zero())),
            Expr::Call(CallExpr {
                func_name,
                target: None,
                args,
            }) => match (func_name.as_str(), args.as_slice()) {
                ("timestamp", [text]) => {
                    let time = string(text).and_then(instant);
                    let message = "expected a time between the years 1 and 9999 in RFC 3339 form, such as \"2026-03-01T10:00:00+08:00\"";
                    time.map(Moment::Fixed).ok_or_else(|| self.problem(text, message))
                }
                (sign @ (MINUS | op::ADD), [now, length]) => {
                    if !matches!(&now.expr, Expr::Ident(name) if name == "now") {
                        return Err(wrong());
                    }
                    let length = self.length(length)?;
                    Ok(Moment::FromNow(if sign == op::ADD { length } else { -length }))
                }
                _ => Err(wrong()),
            },
            _ => Err(wrong()),
        }
    }

    fn length(&self, expr: &IdedExpr) -> Result<TimeDelta, Problem> {
        match &expr.expr {
            Expr::Call(CallExpr {
                func_name,
                target: None,
                args,
            }) if func_name == "duration" => {
                let text = match args.as_slice() {
                    [text] => string(text),
                    _ => None,
                };
                let wrong = || self.problem(args.first().unwrap_or(expr), format!("expected {}", duration::EXPECTED));
                text.and_then(duration::parse).ok_or_else(wrong)
            }
            _ => Err(self.problem(expr, "expected duration(\"P90D\")")),
        }
    }
}

fn number(expr: &IdedExpr) -> Option<f64> {
    match &expr.expr {
        #[expect(clippy::cast_precision_loss, reason = "exact within the bound")]
        Expr::Literal(LiteralValue::Int(number)) if (-EXACT..=EXACT).contains(number.inner()) => {
            Some(*number.inner() as f64)
        }
        // One zero, as stored values have.
        Expr::Literal(LiteralValue::Double(number)) => Some(number.inner() + 0.0).filter(|number| number.is_finite()),
        _ => None,
    }
}

fn string(expr: &IdedExpr) -> Option<&str> {
    match &expr.expr {
        Expr::Literal(LiteralValue::String(text)) => Some(text.inner()),
        _ => None,
    }
}

/// In whole microseconds, like all others.
fn instant(text: &str) -> Option<DateTime<Utc>> {
    let time = DateTime::parse_from_rfc3339(text).ok()?.with_timezone(&Utc);
    let time = DateTime::from_timestamp_micros(time.timestamp_micros())?;
    (1..=9999).contains(&time.year()).then_some(time)
}

fn is_unknown_function(expr: &IdedExpr) -> bool {
    matches!(&expr.expr, Expr::Call(call)
        if is_name(&call.func_name) && !matches!(call.func_name.as_str(), "timestamp" | "duration"))
}

fn is_account(expr: &IdedExpr) -> bool {
    matches!(&expr.expr, Expr::Ident(name) if name == "account")
}

fn is_custom(expr: &IdedExpr) -> bool {
    matches!(&expr.expr, Expr::Select(select) if !select.test && select.field == "custom" && is_account(&select.operand))
}

fn names(code: Code) -> String {
    code.all().map(|(_, name)| name).collect::<Vec<_>>().join(", ")
}

fn unknown_custom(schema: Schema<'_>, name: &str) -> String {
    const NAMED: usize = 20;
    let names = schema.names();
    let more = if names.len() > NAMED { " and more" } else { "" };
    let known = names[..names.len().min(NAMED)].join(", ");
    if names.is_empty() {
        format!("unknown custom field {name}; there are none")
    } else {
        format!("unknown custom field {name}; there are {known}{more}")
    }
}
