//! Values and placeholders.

use super::*;

#[test]
fn strings_are_replaced() {
    let slashes = r"{type: replace_string, regex: '^\*\\', replacement: '*/'}";
    check(slashes, r"{Image|endswith: '\a.exe'}", "{Image: '*/a.exe'}");
    check(slashes, r"{Image: '\a.exe'}", r"{Image: '\a.exe'}");
    check(
        r"{type: replace_string, regex: '(\w+)@(?P<d>\w+)', replacement: '\g<d>\\\1'}",
        "{u: bob@corp}",
        r"{u: 'corp\bob'}",
    );
    check("{type: replace_string, regex: a, replacement: '?'}", r"{u: 'xa\*z'}", r"{u: 'x?\*z'}");
    check("{type: replace_string, regex: a, replacement: '?', skip_special: true}", "{u: 'xa*'}", r"{u: 'x\?*'}");
    check(
        "{type: replace_string, regex: a, replacement: '?', skip_special: true, interpret_special: true}",
        "{u: 'xa*'}",
        "{u: 'x?*'}",
    );
    check("{type: replace_string, regex: '4', replacement: '5'}", "{n: [14, 3]}", "{n: ['15', 3]}");
    check(
        r"{type: replace_string, regex: 'nothing', replacement: ''}",
        r"{p|contains: 'C:\Windows\'}",
        r"{p|contains: 'C:\Windows\'}",
    );
    check(
        r"{type: replace_string, regex: 'Win', replacement: 'Lin'}",
        r"{p|startswith: 'C:\Win\'}",
        r"{p: 'C:\Lin\\*'}",
    );
    refused(r"{type: replace_string, regex: a, replacement: '\2'}", "names group `2`");
    refused(r"{type: replace_string, regex: '(?<=a)b', replacement: x}", "look-around");
}

#[test]
fn texts_are_mapped_and_cased() {
    let map = "{type: map_string, mapping: {a: b, c: [d, 'e*'], '*x*': y, z: []}}";
    check(map, "{f: [a, c, q]}", "{f: [b, d, 'e*', q]}");
    check(map, "{f|contains: x}", "{f: y}");
    check(map, "{f: z, g: 1}", "{g: 1}");
    check("{type: case}", "{f|contains: ABC}", "{f: '*abc*'}");
    check("{type: case, method: upper}", "{f|cased: abc, g|re: abc}", "{f|cased: ABC, g|re: abc}");
    check("{type: case, method: snake_case}", "{f: FooBar}", "{f: foo_bar}");
    check("{type: case, method: upper}", "{f|base64: abc}", "{f|base64: abc}");
    refused("{type: case, method: uper}", "did you mean `upper`");
}

#[test]
fn texts_become_expressions() {
    check("{type: regex, method: plain}", "{f: 'a.b*c?'}", r"{f|re: '(?s)^a\.b.*c.$'}");
    check("{type: regex}", "{f|contains: a}", "{f|re|i: '(?s)a'}");
    check("{type: regex, method: ignore_case_flag}", "{f|endswith: [a, b]}", "{f|re|i: ['(?s)a$', '(?s)b$']}");
    check("{type: regex}", "{f: [a, 1], g: ''}", "[{f: [1], g: ''}, {f|re|i: ['(?s)^a$'], g: ''}]");
    check("{type: regex}", "{f|all: [a, 1]}", "{f|all: [1], f|re|i|all: ['(?s)^a$']}");
    rejected("{type: regex}", "{f|expand: '%a%'}", "placeholder `%a%`");
}

#[test]
fn values_are_set_and_converted() {
    check("{type: set_value, value: v}", "{f|contains: [a, b]}", "{f: [v]}");
    check("{type: set_value, value: null}", "{f|re: a}", "{f: null}");
    check("{type: set_value, value: 4, force_type: str}", "{f: a}", "{f: '4'}");
    check("{type: set_value, value: '4', force_type: num}", "{f: a}", "{f: 4}");
    check("{type: convert_type, target_type: num}", "{f: ['4', 4.5, 7]}", "{f: [4, 4.5, 7]}");
    check("{type: convert_type, target_type: str}", "{f: [4, a]}", "{f: ['4', a]}");
    rejected("{type: convert_type, target_type: num}", "{f: a}", "`f`: `a` is no number");
    refused("{type: set_value, value: a, force_type: num}", "`a` is no number");
    refused("{type: convert_type, target_type: int}", "must be `str` or `num`");
}

#[test]
fn one_item_becomes_several() {
    let hashes = "{type: hashes_fields, valid_hash_algos: [MD5, SHA1], field_prefix: file.}";
    check(hashes, "{Hashes|contains: ['MD5=aa', 'SHA1=bb', 'IMPHASH=cc']}", "[{file.MD5: [aa]}, {file.SHA1: [bb]}]");
    check(
        hashes,
        "{Hashes: 987b65cd9b9f4e9a1afd8f8b48cf64a7, x: 1}",
        "{file.MD5: [987b65cd9b9f4e9a1afd8f8b48cf64a7], x: 1}",
    );
    check(hashes, "{Hashes|contains|all: ['MD5=aa', 'SHA1=bb']}", "{file.MD5|all: [aa], file.SHA1|all: [bb]}");
    check(hashes, "{Other: 'MD5=aa'}", "{Other: 'MD5=aa'}");
    rejected(hashes, "{Hashes: 'IMPHASH=cc'}", "no value is a hash of MD5, SHA1");
    let groups = r"{type: extract_fields, regex: '(?P<type>[A-Za-z]+):(?P<value>\d+)', field_prefix: reg}";
    check(groups, "{reg: 'Dword:1', o: 2}", "{reg.type: [Dword], reg.value: ['1'], o: 2}");
    check(groups, "{reg: other}", "{reg: other}");
    refused("{type: extract_fields, regex: 'a'}", "no named group");
}

fn expanded(vars: &str, steps: &str, before: &str) -> Applied {
    let items: String = steps.lines().map(|line| format!("  - {line}\n")).collect();
    loaded(&format!("vars: {vars}\ntransformations:\n{items}")).apply(rule(before)).unwrap()
}

#[test]
fn placeholders_get_their_values() {
    let vars = "{admins: [root, 'adm_*'], host: srv, none: [], net: [10.0.0.0/8, 192.168.0.0/16]}";
    let check = |steps: &str, before: &str, after: &str, left: &[&str]| {
        let applied = expanded(vars, steps, before);
        assert_eq!(selection(&applied.rule), selection(&rule(after)), "{before}");
        assert_eq!(applied.placeholders_left, left, "{before}");
    };
    let values = "{type: value_placeholders}";
    check(values, "{u|expand: '%admins%'}", "{u: [root, 'adm_*']}", &[]);
    check("", "{u|expand: '%admins%'}", "{u: [root, 'adm_*']}", &[]);
    check(values, r"{u|contains|expand: '\%admins%\'}", r"{u: ['*\root\\*', '*\adm_*\\*']}", &[]);
    check(values, "{u|expand: ['%admins%@%host%', x]}", "{u: [root@srv, 'adm_*@srv', x]}", &[]);
    check(values, "{ip|cidr|expand: '%net%'}", "{ip|cidr: [10.0.0.0/8, 192.168.0.0/16]}", &[]);
    check(values, "{c|re|expand: '^%host%$'}", "{c|re: '^srv$'}", &[]);
    check(values, "{u|expand: plain}", "{u: plain}", &[]);
    check(values, "{u: '%admins%'}", "{u: '%admins%'}", &[]);
    check(values, "{u|expand: ['%unknown%', '%b%']}", "{u|expand: ['%unknown%', '%b%']}", &["b", "unknown"]);
    check("{type: wildcard_placeholders, exclude: [host]}", "{u|expand: '%x%-%host%'}", "{u: '*-srv'}", &[]);
    check("{type: wildcard_placeholders}", "{c|re|expand: 'a%x%b'}", "{c|re: 'a.*b'}", &[]);
    check("{type: wildcard_placeholders, include: [x]}", "{u|expand: '%x%%y%'}", "{u|expand: '*%y%'}", &["y"]);
    refused("{type: value_placeholders, include: [a], exclude: [b]}", "exclude one another");
    refused("{type: query_expression_placeholders, expression: x}", "`value_placeholders`");
    refused("{type: http_placeholders, url: x}", "reads values from outside");
}

#[test]
fn placeholders_are_told_and_bounded() {
    let left = placeholders_of(&rule("{a|expand: '%x%', b: '%y%', c|contains|expand: ['%z%', '%x%']}"));
    assert_eq!(left, ["x", "z"]);
    let applied = Pipelines::default().apply(rule("{a|expand: '%x%'}")).unwrap();
    assert_eq!(
        applied.complete().unwrap_err(),
        "placeholder `%x%` has no values; list them under `vars` in a pipeline"
    );
    let many: Vec<String> = (0..200).map(|number| number.to_string()).collect();
    let yaml = format!("vars: {{x: [{}]}}", many.join(", "));
    let reason = loaded(&yaml).apply(rule("{a|expand: '%x%%x%%x%'}")).unwrap_err();
    assert!(reason.contains("more than 10000 values"), "{reason}");
}
