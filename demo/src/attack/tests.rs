//! Stories are the seed's, keep their time, and promise what the rules' folder has.

use std::path::Path;

use super::*;
use crate::site::Via;

const REGISTER: &str = include_str!("../../../collector/demo/sites.csv");

fn told(attack: Attack, town: &Town, seed: u64) -> Vec<Step> {
    let mut traffic = Traffic::new(town, seed).apart("test");
    attack.story(town, &mut traffic, "2026-11-03T02:00:00Z".parse().unwrap(), 1.0)
}

fn rules(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(rules(&path));
        } else if path.extension().is_some_and(|extension| extension == "yml") {
            found.push(std::fs::read_to_string(path).unwrap());
        }
    }
    found
}

#[test]
fn stories_are_the_seed_s_and_go_forward_in_time() {
    let town = Town::read(REGISTER.as_bytes()).unwrap();
    for town in [town.few(40), town] {
        for attack in Attack::ALL {
            let steps = told(attack, &town, 1);
            assert!((10..=120).contains(&steps.len()), "{}: {} steps", attack.name(), steps.len());
            assert_eq!(steps, told(attack, &town, 1), "{}", attack.name());
            assert_ne!(steps, told(attack, &town, 2), "{}", attack.name());
            assert!(steps.is_sorted_by_key(|step| step.send_at), "{}", attack.name());
            let (first, last) = (steps[0].send_at, steps[steps.len() - 1].send_at);
            assert!(last.duration_since(first).as_secs() < 90, "{}: {first} to {last}", attack.name());
        }
    }
}

#[test]
fn only_the_thief_comes_by_the_other_door() {
    let town = Town::read(REGISTER.as_bytes()).unwrap();
    for attack in Attack::ALL {
        let steps = told(attack, &town, 3);
        let stolen = steps.iter().filter(|step| step.door == Door::Stolen);
        assert_eq!(stolen.clone().count() > 0, attack == Attack::StolenCertificate, "{}", attack.name());
        assert!(stolen.clone().all(|step| step.entry.site.via == Via::Tls));
    }
}

#[test]
fn every_promise_is_a_rule_of_that_title() {
    let rules = rules(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../rules/sigma")));
    for attack in Attack::ALL {
        assert!(!attack.promises().is_empty(), "{} promises nothing", attack.name());
        for Promise { rule, title } in attack.promises() {
            let of_id = rules.iter().find(|text| text.contains(&format!("\nid: {rule}\n")));
            let text = of_id.unwrap_or_else(|| panic!("{}: no rule {rule} ({title})", attack.name()));
            let named = [format!("title: {title}\n"), format!("title: '{title}'\n")];
            assert!(named.iter().any(|line| text.starts_with(line)), "{rule} is not `{title}`");
        }
    }
}

#[test]
fn an_empty_town_has_no_stories() {
    for attack in Attack::ALL {
        assert!(told(attack, &Town::default(), 1).is_empty());
    }
}
