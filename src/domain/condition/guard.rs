//! What a text must be like before it is given to a parser: short, of few kinds of characters, with strings that begin
//! and end beyond doubt, and nested and chained only so far. So no text makes the parser deep, slow or large, and what
//! the language leaves out is refused in words of our own.

use super::problem::{Position, Problem};

/// Bytes of a condition at most.
pub const TEXT_MAX: usize = 2000;
/// Brackets within brackets at most.
const NESTED_MAX: usize = 16;
/// Words and signs at most between two of `&&`, `||` and `,` on one level of brackets.
const CHAINED_MAX: usize = 32;

/// Refuses what the parser must not see.
pub(super) fn check(text: &str) -> Result<(), Problem> {
    if text.trim().is_empty() {
        return Err(Problem::whole(
            "must not be empty; true is the condition that all accounts meet",
        ));
    }
    if text.len() > TEXT_MAX {
        return Err(Problem::whole(format!("must be at most {TEXT_MAX} bytes long")));
    }
    Scan {
        text,
        at: 0,
        open: Vec::new(),
        chained: vec![0],
    }
    .all()
}

struct Scan<'a> {
    text: &'a str,
    at: usize,
    /// Brackets that are open: where, and what closes them.
    open: Vec<(usize, u8)>,
    /// Words and signs since the last separator, on each level.
    chained: Vec<usize>,
}

impl Scan<'_> {
    fn byte(&self, ahead: usize) -> u8 {
        self.text.as_bytes().get(self.at + ahead).copied().unwrap_or(0)
    }

    fn problem(&self, at: usize, message: impl Into<String>) -> Problem {
        Problem::at(Position::of_byte(self.text, at), message)
    }

    fn all(mut self) -> Result<(), Problem> {
        while self.at < self.text.len() {
            match self.byte(0) {
                b' ' | b'\t' | b'\n' | b'\r' => self.at += 1,
                b'"' | b'\'' => self.string()?,
                b'(' => self.enter(b')')?,
                b'[' => self.enter(b']')?,
                close @ (b')' | b']') => self.leave(close)?,
                b'&' | b'|' if self.byte(1) == self.byte(0) => self.separate(2),
                b',' => self.separate(1),
                _ => self.word_or_sign()?,
            }
        }
        match self.open.first() {
            Some((at, close)) => Err(self.problem(
                *at,
                format!("this bracket is not closed; expected {:?}", char::from(*close)),
            )),
            None => Ok(()),
        }
    }

    fn separate(&mut self, len: usize) {
        self.at += len;
        if let Some(chained) = self.chained.last_mut() {
            *chained = 0;
        }
    }

    fn chain(&mut self) -> Result<(), Problem> {
        if let Some(chained) = self.chained.last_mut() {
            *chained += 1;
            if *chained > CHAINED_MAX {
                return Err(self.problem(
                    self.at,
                    "is too long without && or || in between; a comparison has one field, one operator and one value",
                ));
            }
        }
        Ok(())
    }

    fn enter(&mut self, close: u8) -> Result<(), Problem> {
        self.chain()?;
        if self.open.len() == NESTED_MAX {
            return Err(self.problem(self.at, format!("brackets nest at most {NESTED_MAX} deep")));
        }
        self.open.push((self.at, close));
        self.chained.push(0);
        self.at += 1;
        Ok(())
    }

    fn leave(&mut self, close: u8) -> Result<(), Problem> {
        match self.open.pop() {
            Some((_, expected)) if expected == close => {
                self.chained.pop();
                self.at += 1;
                Ok(())
            }
            Some((_, expected)) => Err(self.problem(self.at, format!("expected {:?} first", char::from(expected)))),
            None => Err(self.problem(self.at, "closes no bracket")),
        }
    }

    /// One line between two quotes of one kind. CEL has more kinds of strings; nobody needs them here, and a string that
    /// two readers end at different places is how bounds are got around.
    fn string(&mut self) -> Result<(), Problem> {
        self.chain()?;
        let (start, quote) = (self.at, self.byte(0));
        if self.byte(1) == quote && self.byte(2) == quote {
            return Err(self.problem(start, "strings have one quote at each end, not three"));
        }
        self.at += 1;
        loop {
            match self.byte(0) {
                _ if self.at >= self.text.len() => return Err(self.problem(start, "this string does not end")),
                b'\n' | b'\r' => return Err(self.problem(self.at, "strings do not go over lines; write \\n")),
                b'\\' => self.at += 2,
                byte => {
                    self.at += 1;
                    if byte == quote {
                        return Ok(());
                    }
                }
            }
        }
    }

    fn word_or_sign(&mut self) -> Result<(), Problem> {
        self.chain()?;
        let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        if word(self.byte(0)) {
            let start = self.at;
            while word(self.byte(0)) {
                self.at += 1;
            }
            if matches!(self.byte(0), b'"' | b'\'') && &self.text[start..self.at] != "in" {
                return Err(self.problem(start, "strings have nothing before their quote"));
            }
            return Ok(());
        }
        let len = match (self.byte(0), self.byte(1)) {
            (b'=' | b'!' | b'<' | b'>', b'=') => 2,
            (b'!' | b'<' | b'>' | b'.' | b'-' | b'+', _) => 1,
            (b'=', _) => return Err(self.problem(self.at, "= is no operator; write ==")),
            (b'&', _) => return Err(self.problem(self.at, "& is no operator; write &&")),
            (b'|', _) => return Err(self.problem(self.at, "| is no operator; write ||")),
            (b'*' | b'/' | b'%', _) => {
                let message = "there is no arithmetic but now - duration(\"P90D\") and now + duration(\"P90D\")";
                return Err(self.problem(self.at, message));
            }
            (b'?' | b':', _) => return Err(self.problem(self.at, "there is no ?:; write && and ||")),
            (b'{' | b'}', _) => return Err(self.problem(self.at, "there are no maps and no messages")),
            _ => {
                let found = self.text[self.at..].chars().next().unwrap_or(' ');
                return Err(self.problem(self.at, format!("{found:?} stands only in strings")));
            }
        };
        self.at += len;
        Ok(())
    }
}
