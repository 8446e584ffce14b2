//! Reading hostile JSON.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt;

use serde::de::{DeserializeOwned, DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};

use crate::limits;
use crate::path::Escaped;

/// The rule that a JSON document broke.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// Larger than its cap.
    #[error("it is larger than {0} bytes")]
    TooLarge(u64),
    /// Nested too deeply.
    #[error("it is nested more than {} levels deep", limits::JSON_DEPTH_MAX)]
    TooDeep,
    /// One object holds a key twice, so that two readers could see two meanings.
    #[error("the key \"{}\" stands twice in one object", Escaped(.0.as_bytes()))]
    DuplicateKey(String),
    /// Not JSON, or something follows the document; says where.
    #[error("it is not JSON: {0}")]
    Syntax(String),
    /// JSON, but not the expected document; says what and where.
    #[error("{0}")]
    Shape(String),
}

/// Reads one document of at most `cap` bytes.
///
/// # Errors
/// The rule broken: size first, then syntax, depth and duplicate keys, then the shape of `T`.
pub fn read<T: DeserializeOwned>(bytes: &[u8], cap: u64) -> Result<T, JsonError> {
    check(bytes, cap)?;
    serde_json::from_slice(bytes).map_err(shape)
}

#[expect(clippy::needless_pass_by_value, reason = "it is mapped with")]
fn shape(error: serde_json::Error) -> JsonError {
    JsonError::Shape(error.to_string())
}

/// All but the shape; apart from [`read`], which the agent has once for each of its documents.
fn check(bytes: &[u8], cap: u64) -> Result<(), JsonError> {
    if u64::try_from(bytes.len()).map_or(true, |length| length > cap) {
        return Err(JsonError::TooLarge(cap));
    }
    let fault = RefCell::new(None);
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let walk = Walk {
        depth: 0,
        fault: &fault,
    };
    let walked = walk
        .deserialize(&mut deserializer)
        .and_then(|()| deserializer.end());
    if let Err(error) = walked {
        let fault = fault.into_inner();
        return Err(fault.unwrap_or_else(|| JsonError::Syntax(error.to_string())));
    }
    Ok(())
}

/// Walks through a document without keeping it.
#[derive(Clone, Copy)]
struct Walk<'f> {
    depth: usize,
    fault: &'f RefCell<Option<JsonError>>,
}

impl Walk<'_> {
    fn deeper<E: Error>(self) -> Result<Self, E> {
        let depth = self.depth.saturating_add(1);
        if depth > limits::JSON_DEPTH_MAX {
            return Err(self.refuse(JsonError::TooDeep));
        }
        Ok(Self { depth, ..self })
    }

    fn refuse<E: Error>(self, error: JsonError) -> E {
        let message = E::custom(&error);
        self.fault.replace(Some(error));
        message
    }
}

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let inner = self.deeper()?;
        while list.next_element_seed(inner)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let inner = self.deeper()?;
        let mut keys = BTreeSet::new();
        while let Some(key) = map.next_key::<String>()? {
            if keys.contains(&key) {
                return Err(self.refuse(JsonError::DuplicateKey(key)));
            }
            keys.insert(key);
            map.next_value_seed(inner)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn map(text: &str) -> Result<BTreeMap<String, u64>, JsonError> {
        read(text.as_bytes(), 64)
    }

    #[test]
    fn plain() {
        assert_eq!(
            map(" {\"a\": 1}\n"),
            Ok(BTreeMap::from([("a".to_owned(), 1)]))
        );
    }

    #[test]
    fn each_rule_has_its_error() {
        let duplicate = JsonError::DuplicateKey("a".to_owned());
        assert_eq!(map("{\"a\":1,\"a\":2}"), Err(duplicate.clone()));
        assert_eq!(map("{\"a\":1,\"\\u0061\":2}"), Err(duplicate.clone()));
        assert_eq!(map("{\"b\":[{\"a\":1,\"a\":2}]}"), Err(duplicate));
        assert_eq!(map(&" ".repeat(65)), Err(JsonError::TooLarge(64)));
        assert!(matches!(map("{\"a\":1}{}"), Err(JsonError::Syntax(_))));
        assert!(matches!(map(""), Err(JsonError::Syntax(_))));
        assert!(matches!(map("{\"a\":1.5}"), Err(JsonError::Shape(_))));
    }

    #[test]
    fn deep_nesting_is_refused_before_it_costs_a_stack() {
        let text = "[".repeat(limits::JSON_DEPTH_MAX + 1);
        assert_eq!(
            read::<serde_json::Value>(text.as_bytes(), 64),
            Err(JsonError::TooDeep)
        );
        let bomb = "{\"a\":".repeat(100_000);
        assert_eq!(
            read::<serde_json::Value>(bomb.as_bytes(), 1 << 20),
            Err(JsonError::TooDeep)
        );
    }
}
