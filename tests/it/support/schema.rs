//! The published JSON schemas, as judges of what karat prints.

use serde_json::Value;

/// As much of JSON Schema as the published one uses.
pub fn valid(root: &Value, schema: &Value, value: &Value, at: &str) {
    for (keyword, rule) in schema.as_object().unwrap() {
        match keyword.as_str() {
            "$schema" | "$id" | "$defs" | "title" | "description" | "format" | "pattern"
            | "minimum" | "maximum" | "minItems" => {}
            "$ref" => {
                let pointer = rule.as_str().unwrap().trim_start_matches('#');
                valid(root, root.pointer(pointer).unwrap(), value, at);
            }
            "type" => {
                let is = |name: &str| match name {
                    "object" => value.is_object(),
                    "array" => value.is_array(),
                    "string" => value.is_string(),
                    "integer" => value.is_u64(),
                    "number" => value.is_number(),
                    "boolean" => value.is_boolean(),
                    "null" => value.is_null(),
                    other => panic!("type {other}"),
                };
                let fits = match rule {
                    Value::Array(names) => names.iter().any(|name| is(name.as_str().unwrap())),
                    name => is(name.as_str().unwrap()),
                };
                assert!(fits, "{at}: {value} is not {rule}");
            }
            "enum" => assert!(rule.as_array().unwrap().contains(value), "{at}: {value}"),
            "const" => assert_eq!(rule, value, "{at}"),
            "required" => {
                for name in rule.as_array().unwrap() {
                    let name = name.as_str().unwrap();
                    assert!(
                        value.is_null() || value.get(name).is_some(),
                        "{at}: no {name}"
                    );
                }
            }
            "properties" => {
                for (name, value) in value.as_object().into_iter().flatten() {
                    let Some(schema) = rule.get(name) else {
                        panic!("{at}: {name} is not in the schema");
                    };
                    valid(root, schema, value, &format!("{at}.{name}"));
                }
            }
            "additionalProperties" => {
                assert!(rule == false || schema.get("properties").is_none(), "{at}");
            }
            "items" => {
                for value in value.as_array().into_iter().flatten() {
                    valid(root, rule, value, &format!("{at}[]"));
                }
            }
            other => panic!("the schema uses {other}"),
        }
    }
}
