//! The JSON schema of a study, from the tables of keys and the kinds of landscape.

use serde_json::{Map, Value, json};

use super::{keys, lyapunov};
use crate::data::random::Distribution;
use crate::landscape::{KINDS, Key, Kind, Takes};

/// JSON schema (draft 2020-12) of a study file.
pub fn schema() -> Value {
    let mut properties = Map::new();
    for key in keys::TOP {
        let section = keys::TABLES.iter().find(|t| t.name == key.name);
        let value = match (key.name, section) {
            ("landscape", _) => json!({
                "description": "What is analysed.",
                "oneOf": KINDS.iter().map(|k| kind(k)).collect::<Vec<_>>(),
            }),
            (_, Some(table)) => match table.keys {
                None => json!({ "type": "object", "description": table.doc }),
                Some(keys) => {
                    let needed = keys::NEEDED.iter().find(|(name, _)| *name == table.name);
                    described(object(keys, needed.map_or(&[], |(_, keys)| keys)), table.doc)
                }
            },
            (_, None) => of_key(key),
        };
        properties.insert(key.name.into(), value);
    }
    for (shape, keys, required) in
        [("ball", keys::BALL, &["radius"][..]), ("box", keys::BOX, &["lower", "upper"])]
    {
        let doc = properties["region"]["properties"][shape]["description"].take();
        let mut table = object(keys, required);
        table["description"] = doc;
        properties["region"]["properties"][shape] = table;
    }
    properties["region"]["oneOf"] = json!([{ "required": ["ball"] }, { "required": ["box"] }]);
    properties["region"]["properties"]["ball"]["properties"]["radius"]["exclusiveMinimum"] = json!(0);
    for corner in ["lower", "upper"] {
        let value = &mut properties["region"]["properties"]["box"]["properties"][corner];
        value["type"] = json!(["number", "array"]);
        value["items"] = json!({ "type": "number" });
    }
    properties["lyapunov"]["properties"]["landscape"] = compared();
    properties["lyapunov"]["properties"]["times"]["minItems"] = json!(2);
    properties["lyapunov"]["properties"]["times"]["maxItems"] = json!(2);
    properties["lyapunov"]["properties"]["starts"]["enum"] = json!(["region", "data"]);
    properties["lyapunov"]["properties"]["method"]["enum"] = json!(["heun", "euler"]);
    properties["certify"]["properties"]["level"]["enum"] = json!(super::certifying::LEVELS);
    properties["memorization"]["properties"]["process"]["enum"] = json!(["sde", "ode"]);
    let doc = properties["continue"]["properties"]["second"]["description"].take();
    let mut second = object(keys::SECOND, &["parameter", "from", "to"]);
    second["description"] = doc;
    second["properties"]["lines"]["minimum"] = json!(2);
    second["properties"]["grid"]["minimum"] = json!(1);
    properties["continue"]["properties"]["second"] = second;
    properties["continue"]["properties"]["ordinate"]["type"] = json!(["string", "array"]);
    properties["continue"]["properties"]["ordinate"]["items"] = json!({ "type": "number" });
    let doc = properties["sweep"]["properties"]["grid"]["description"].take();
    // Tables are ranges, or tables of the study with swept keys of their own.
    properties["sweep"]["properties"]["grid"] = described(
        json!({ "type": "object", "additionalProperties": { "type": ["array", "object"] } }),
        doc.as_str().unwrap_or(""),
    );
    properties["critical"]["properties"]["method"]["enum"] = json!(keys::METHODS);
    properties["graph"]["properties"]["order"]["enum"] = json!([1, "all"]);
    properties["graph"]["properties"]["manifolds"]["enum"] = json!(["none", "curves", "surfaces"]);
    for (section, key) in keys::AT_LEAST_ONE {
        properties[*section]["properties"][*key]["minimum"] = json!(1);
    }
    for (section, key) in keys::POSITIVE {
        properties[*section]["properties"][*key]["exclusiveMinimum"] = json!(0);
    }
    let image = &mut properties["report"]["properties"]["image"];
    image["items"] = json!({ "type": "integer", "minimum": 1 });
    image["minItems"] = json!(2);
    image["maxItems"] = json!(2);
    let axes = &mut properties["report"]["properties"]["axes"];
    axes["type"] = json!("array");
    axes["items"] = json!({ "type": ["string", "array"], "items": { "type": "number" } });
    axes["minItems"] = json!(2);
    axes["maxItems"] = json!(2);
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Study of smale",
        "description": "What to analyse and how; a TOML file.",
        "type": "object",
        "properties": properties,
        "required": ["landscape"],
        "additionalProperties": false,
    })
}

/// `[[lyapunov.landscape]]`: as `[landscape]`, and a few keys of its own.
fn compared() -> Value {
    let with_more = |k: &&Kind| {
        let mut value = kind(k);
        for key in lyapunov::SUBJECT {
            value["properties"][key.name] = of_key(key);
        }
        value
    };
    json!({
        "type": "array",
        "description": "More landscapes for the same table.",
        "items": { "oneOf": KINDS.iter().map(with_more).collect::<Vec<_>>() },
    })
}

fn kind(kind: &Kind) -> Value {
    let mut value = object(&keys::of_kind(kind), &["kind"]);
    value["title"] = json!(kind.name);
    value["description"] = json!(format!("{} ({})", kind.energy, kind.source));
    value["properties"]["kind"] = json!({ "const": kind.name });
    if kind.keys.iter().any(|k| k.name == "parameters") {
        // A key with a parameter's name overrides its value.
        value["additionalProperties"] = json!({ "type": "number" });
    }
    value
}

fn object(keys: &[Key], required: &[&str]) -> Value {
    let properties: Map<String, Value> = keys.iter().map(|k| (k.name.to_owned(), of_key(k))).collect();
    let mut value = json!({ "type": "object", "properties": properties, "additionalProperties": false });
    if !required.is_empty() {
        value["required"] = json!(required);
    }
    value
}

fn of_key(key: &Key) -> Value {
    let numbers = json!({ "type": "array", "items": { "type": "number" } });
    let mut value = match key.takes {
        Takes::Number => json!({ "type": "number" }),
        Takes::Integer => json!({ "type": "integer", "minimum": 0 }),
        Takes::Text => json!({ "type": "string" }),
        Takes::Flag => json!({ "type": "boolean" }),
        Takes::Numbers => numbers,
        Takes::Table => json!({ "type": "object" }),
        Takes::Data if key.name == "data" => {
            let mut drawn = object(keys::RANDOM, &["random", "dim", "count"]);
            drawn["properties"]["random"]["enum"] = json!(Distribution::NAMES.map(|(name, _)| name));
            drawn["properties"]["dim"]["minimum"] = json!(1);
            drawn["properties"]["count"]["minimum"] = json!(1);
            drawn["properties"]["scale"]["exclusiveMinimum"] = json!(0);
            json!({ "anyOf": [{ "type": ["string", "array"], "items": numbers }, drawn] })
        }
        Takes::Data => json!({ "type": ["string", "array"], "items": numbers }),
        Takes::Any => json!({}),
    };
    let default = match key.takes {
        Takes::Number => key.default.parse::<f64>().ok().map(|v| json!(v)),
        Takes::Integer => key.default.parse::<u64>().ok().map(|v| json!(v)),
        Takes::Flag => key.default.parse::<bool>().ok().map(|v| json!(v)),
        _ => None,
    };
    let mut doc = key.doc.to_owned();
    match default {
        Some(default) => value["default"] = default,
        None if !key.default.is_empty() => doc += &format!(" (default: {})", key.default),
        None => {}
    }
    described(value, &doc)
}

fn described(mut value: Value, doc: &str) -> Value {
    value["description"] = json!(doc);
    value
}
