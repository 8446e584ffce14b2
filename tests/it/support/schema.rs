//! The published JSON schemas, as judges of what karat prints.

use serde_json::{Map, Value};

/// A schema of `docs/schemas/`.
pub struct Published(Value);

/// The published schema `docs/schemas/NAME.schema.json`.
pub fn published(name: &str) -> Published {
    let path = format!(
        "{}/docs/schemas/{name}.schema.json",
        env!("CARGO_MANIFEST_DIR")
    );
    let text = std::fs::read_to_string(&path).expect(&path);
    let schema = serde_json::from_str(&text).expect(&path);
    closed(&schema, name);
    Published(schema)
}

impl Published {
    /// Panics unless `json` is one document that keeps to the schema: no unknown key, none missing.
    pub fn holds(&self, json: &str) -> Value {
        let value: Value = serde_json::from_str(json).expect(json);
        if let Err(rule) = self.check(&value) {
            panic!("{rule}");
        }
        value
    }

    /// The rule of the schema that `value` breaks, if any.
    pub fn check(&self, value: &Value) -> Result<(), String> {
        check(&self.0, &self.0, value, "document")
    }
}

/// Every object of a schema lists its members, and takes no other.
fn closed(schema: &Value, at: &str) {
    match schema {
        Value::Object(members) => {
            if members.get("properties").is_some_and(Value::is_object)
                && members.contains_key("type")
            {
                assert_eq!(
                    members.get("additionalProperties"),
                    Some(&Value::Bool(false)),
                    "{at}"
                );
                assert!(members.contains_key("required"), "{at}");
            }
            for (name, value) in members {
                closed(value, &format!("{at}.{name}"));
            }
        }
        Value::Array(items) => items.iter().for_each(|item| closed(item, at)),
        _ => {}
    }
}

/// As much of JSON Schema as the published ones use.
fn check(root: &Value, schema: &Value, value: &Value, at: &str) -> Result<(), String> {
    let schema = schema.as_object().unwrap();
    let fits = |fits: bool, rule: &Value| {
        if fits {
            Ok(())
        } else {
            Err(format!("{at}: {value} is not {rule}"))
        }
    };
    for (keyword, rule) in schema {
        match keyword.as_str() {
            // `additionalProperties` looks at the members that `properties` names, too.
            "$schema" | "$id" | "$defs" | "title" | "description" | "format" | "properties" => {}
            "$ref" => {
                let pointer = rule.as_str().unwrap().trim_start_matches('#');
                check(root, root.pointer(pointer).unwrap(), value, at)?;
            }
            "type" => fits(is_of_type(rule, value), rule)?,
            "enum" => fits(rule.as_array().unwrap().contains(value), rule)?,
            "const" => fits(rule == value, rule)?,
            "pattern" => {
                let text = value.as_str();
                fits(
                    text.is_none_or(|text| matches(rule.as_str().unwrap(), text)),
                    rule,
                )?;
            }
            "minimum" => {
                let number = value.as_f64();
                fits(
                    number.is_none_or(|number| number >= rule.as_f64().unwrap()),
                    rule,
                )?;
            }
            "maximum" => {
                let number = value.as_f64();
                fits(
                    number.is_none_or(|number| number <= rule.as_f64().unwrap()),
                    rule,
                )?;
            }
            "minItems" => {
                let items = value.as_array();
                let least = rule.as_u64().unwrap();
                fits(items.is_none_or(|items| items.len() as u64 >= least), rule)?;
            }
            "required" => {
                for name in rule.as_array().unwrap() {
                    let name = name.as_str().unwrap();
                    let object = value.as_object();
                    if !object.is_none_or(|object| object.contains_key(name)) {
                        return Err(format!("{at}: no {name}"));
                    }
                }
            }
            "additionalProperties" => members(root, schema, value, at)?,
            "items" => {
                for value in value.as_array().into_iter().flatten() {
                    check(root, rule, value, &format!("{at}[]"))?;
                }
            }
            "oneOf" => {
                let rules = rule.as_array().unwrap();
                let errors: Vec<String> = rules
                    .iter()
                    .filter_map(|rule| check(root, rule, value, at).err())
                    .collect();
                if errors.len() + 1 != rules.len() {
                    return Err(format!("{at}: not one of:\n  {}", errors.join("\n  ")));
                }
            }
            other => panic!("the schema uses {other}"),
        }
    }
    Ok(())
}

/// The members of an object: those that `properties` names, all others as `additionalProperties`
/// says.
fn members(
    root: &Value,
    schema: &Map<String, Value>,
    value: &Value,
    at: &str,
) -> Result<(), String> {
    let named = schema.get("properties");
    for (name, value) in value.as_object().into_iter().flatten() {
        let at = format!("{at}.{name}");
        let others = &schema["additionalProperties"];
        match named.and_then(|named| named.get(name)) {
            None if *others == false => return Err(format!("{at}: not in the schema")),
            rule => check(root, rule.unwrap_or(others), value, &at)?,
        }
    }
    Ok(())
}

fn is_of_type(rule: &Value, value: &Value) -> bool {
    let is = |name: &str| match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("type {other}"),
    };
    match rule {
        Value::Array(names) => names.iter().any(|name| is(name.as_str().unwrap())),
        name => is(name.as_str().unwrap()),
    }
}

/// The patterns that the schemas use: digests, names of keys, boots.
fn matches(pattern: &str, text: &str) -> bool {
    let hex = |text: &str, length| {
        let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        text.len() == length && text.bytes().all(is_hex)
    };
    match pattern {
        "^[0-9a-f]{64}$" => hex(text, 64),
        "^[0-9a-f]{96}$" => hex(text, 96),
        "^[0-9a-f-]{36}$" => text.len() == 36 && hex(&text.replace('-', "0"), 36),
        "^sha256:[0-9a-f]{64}$" => text.strip_prefix("sha256:").is_some_and(|it| hex(it, 64)),
        r"^(10\.0|[0-9]\.[0-9])$" => {
            let bytes = text.as_bytes();
            text == "10.0"
                || matches!(bytes, [a, b'.', b] if a.is_ascii_digit() && b.is_ascii_digit())
        }
        other => panic!("the schema uses the pattern {other}"),
    }
}
