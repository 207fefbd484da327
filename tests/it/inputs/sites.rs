//! Places in a request, by their path: where something wrong can be put.

use super::fields::{is_output, parts};
use prost_reflect::{DynamicMessage, FieldDescriptor, ReflectMessage, Value};

/// A field of a request, or of a message in it.
#[derive(Clone, Debug)]
pub(crate) struct Site {
    /// The messages around it, each with its place where it is one of a list.
    above: Vec<(FieldDescriptor, Option<usize>)>,
    /// The field.
    pub(crate) field: FieldDescriptor,
}

impl Site {
    /// Its name as refusals have it. Alternatives are told by the name of the choice.
    pub(crate) fn path(&self) -> String {
        let name = match self.field.containing_oneof().filter(|oneof| !oneof.is_synthetic()) {
            Some(oneof) => oneof.name().to_owned(),
            None => self.field.name().to_owned(),
        };
        let step = |(field, at): &(FieldDescriptor, Option<usize>)| match at {
            Some(at) => format!("{}[{at}].", field.name()),
            None => format!("{}.", field.name()),
        };
        self.above.iter().map(step).collect::<String>() + &name
    }

    /// Changes the message that has the field.
    pub(crate) fn change(&self, message: &DynamicMessage, change: impl FnOnce(&mut DynamicMessage)) -> DynamicMessage {
        let mut message = message.clone();
        let mut here = &mut message;
        for (field, at) in &self.above {
            let value = here.get_field_mut(field);
            here = match (value, at) {
                (Value::Message(part), _) => part,
                (Value::List(parts), Some(at)) => {
                    if parts.len() <= *at {
                        parts.push(Value::Message(DynamicMessage::new(
                            field.kind().as_message().unwrap().clone(),
                        )));
                    }
                    parts[*at].as_message_mut().unwrap()
                }
                (other, _) => panic!("{other:?}"),
            };
        }
        change(here);
        message
    }

    /// Puts the value there; into a list as its only entry.
    pub(crate) fn put(&self, message: &DynamicMessage, value: Value) -> DynamicMessage {
        let value = if self.field.is_list() {
            Value::List(vec![value])
        } else {
            value
        };
        self.change(message, |part| part.set_field(&self.field, value))
    }

    /// What is there.
    pub(crate) fn value(&self, message: &DynamicMessage) -> Value {
        let mut found = None;
        self.change(message, |part| found = Some(part.get_field(&self.field).into_owned()));
        found.unwrap()
    }

    /// The message without it.
    pub(crate) fn clear(&self, message: &DynamicMessage) -> DynamicMessage {
        self.change(message, |part| part.clear_field(&self.field))
    }
}

/// Every place of the request that is read.
pub(crate) fn sites(rpc: &str, message: &DynamicMessage) -> Vec<Site> {
    let mut found = Vec::new();
    walk(rpc, message, &[], &mut found);
    found
}

fn walk(rpc: &str, message: &DynamicMessage, above: &[(FieldDescriptor, Option<usize>)], found: &mut Vec<Site>) {
    for field in message.descriptor().fields().filter(|field| !is_output(rpc, field)) {
        found.push(Site {
            above: above.to_vec(),
            field: field.clone(),
        });
        let Some(part) = parts(&field) else { continue };
        // Of alternatives that are messages only the one that the example chose is looked into.
        let alternative = field.containing_oneof().is_some_and(|oneof| !oneof.is_synthetic());
        if alternative && !message.has_field(&field) {
            continue;
        }
        let empty = DynamicMessage::new(part);
        let value = message.get_field(&field);
        let entries: Vec<(Option<usize>, &DynamicMessage)> = match value.as_ref() {
            Value::List(entries) if entries.is_empty() => vec![(Some(0), &empty)],
            Value::List(entries) => {
                let numbered = entries.iter().enumerate();
                numbered
                    .map(|(at, entry)| (Some(at), entry.as_message().unwrap()))
                    .collect()
            }
            Value::Message(part) => vec![(None, part)],
            _ => vec![(None, &empty)],
        };
        for (at, entry) in entries {
            let mut above = above.to_vec();
            above.push((field.clone(), at));
            walk(rpc, entry, &above, found);
        }
    }
}
