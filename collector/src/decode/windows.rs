//! Windows events as JSON, in every shape that shippers give them: Winlogbeat's nested `winlog`, NXLog's and Sigma's flat
//! names, `EventData` below flat system fields, and the XML's own shape as EVTX readers print it.
//!
//! All end in Winlogbeat's names: `winlog.channel`, `winlog.event_id`, `winlog.event_data.NAME`.

use event::{Event, EventFull, Mark, Value};

use super::{Dates, JsonShape, Shaped};

/// Flat names, `EventData` nested or not.
pub(crate) const FLAT: JsonShape = JsonShape {
    name: "windows",
    strict: true,
    fits: fits_flat,
    shape: shape_flat,
    normalise: crate::normalise::windows::to_ecs,
};
/// Winlogbeat's own documents.
pub(crate) const WINLOGBEAT: JsonShape = JsonShape {
    name: "windows",
    strict: true,
    fits: fits_winlogbeat,
    shape: shape_winlogbeat,
    normalise: crate::normalise::windows::to_ecs,
};
/// The shape of the event's XML.
pub(crate) const XML: JsonShape = JsonShape {
    name: "windows",
    strict: true,
    fits: fits_xml,
    shape: shape_xml,
    normalise: crate::normalise::windows::to_ecs,
};

fn fits_flat(event: &Event) -> bool {
    event.has("EventID")
        && ["Channel", "Provider_Name", "Provider", "SourceName", "ProviderName"]
            .into_iter()
            .any(|name| event.has(name))
}

fn fits_winlogbeat(event: &Event) -> bool {
    event.has("winlog.event_id") || event.has("winlog.channel")
}

fn fits_xml(event: &Event) -> bool {
    event.has("Event.System.EventID") || event.has("Event.System.EventID.#text")
}

/// The canonical name of a system field, under the names that shippers give it. By the first letter first: most fields of
/// an event are none of these, and all of them are asked about.
fn system_name(name: &str) -> Option<&'static str> {
    match name.as_bytes().first()? {
        b'E' => of_event(name),
        b'P' => of_provider(name),
        b'T' => of_time(name),
        b'C' | b'L' | b'O' | b'V' | b'K' | b'U' | b'S' | b'A' | b'Q' => of_others(name),
        _ => None,
    }
}

fn of_event(name: &str) -> Option<&'static str> {
    Some(match name {
        "EventID" | "EventID.#text" => "winlog.event_id",
        "EventRecordID" => "winlog.record_id",
        "Execution_ProcessID" | "ExecutionProcessID" | "Execution.ProcessID" | "Execution.#attributes.ProcessID" => {
            "winlog.process.pid"
        }
        "Execution_ThreadID" | "Execution.ThreadID" | "Execution.#attributes.ThreadID" => "winlog.process.thread.id",
        "EventID.#attributes.Qualifiers" => "winlog.qualifiers",
        _ => return None,
    })
}

fn of_provider(name: &str) -> Option<&'static str> {
    Some(match name {
        "Provider_Name" | "Provider" | "ProviderName" | "Provider.Name" | "Provider.#attributes.Name" => {
            "winlog.provider_name"
        }
        "Provider_Guid" | "ProviderGuid" | "Provider.Guid" | "Provider.#attributes.Guid" => "winlog.provider_guid",
        _ => return None,
    })
}

fn of_time(name: &str) -> Option<&'static str> {
    Some(match name {
        "TimeCreated" | "TimeCreated_SystemTime" | "TimeCreated.SystemTime" | "TimeCreated.#attributes.SystemTime" => {
            "winlog.time_created"
        }
        "Task" => "winlog.task",
        "ThreadID" => "winlog.process.thread.id",
        _ => return None,
    })
}

fn of_others(name: &str) -> Option<&'static str> {
    Some(match name {
        "Channel" => "winlog.channel",
        "Computer" => "winlog.computer_name",
        "Level" => "winlog.level",
        "Opcode" => "winlog.opcode",
        "Version" => "winlog.version",
        "Keywords" => "winlog.keywords",
        "UserID" | "Security.UserID" | "Security.#attributes.UserID" => "winlog.user.identifier",
        "ActivityID" | "Correlation.ActivityID" | "Correlation.#attributes.ActivityID" => "winlog.activity_id",
        "Qualifiers" => "winlog.qualifiers",
        _ => return None,
    })
}

/// Fields that NXLog adds about its own work; only documents that name an NXLog module have them.
const NXLOG: [&str; 11] = [
    "EventTime",
    "EventReceivedTime",
    "SourceModuleName",
    "SourceModuleType",
    "SourceName",
    "Hostname",
    "RecordNumber",
    "Severity",
    "SeverityValue",
    "OpcodeValue",
    "ProcessID",
];

fn shape_flat(mark: Mark, dates: &Dates<'_>, event: &mut Event) -> Result<Shaped, EventFull> {
    // Many collectors drop NXLog's words about its own modules; the pair of time and source is its own too.
    let named = event.has("EventTime") && event.has("SourceName");
    let nxlog = named || event.has("SourceModuleName") || event.has("EventReceivedTime");
    let logstash = event.has("sender.@version");
    event.rename_since(mark, |old, new| {
        if let Some(data) = old.strip_prefix("EventData.") {
            data_name(data, new);
        } else if let Some(data) = old.strip_prefix("UserData.") {
            user_data_name(data, new);
        } else if let Some(name) = system_name(old) {
            new.push_str(name);
        } else if nxlog && NXLOG.contains(&old) {
            new.push_str("nxlog.");
            new.push_str(old);
        } else if old == "Message" {
            new.push_str("message");
        } else if logstash && matches!(old, "host" | "port") || old.starts_with("sigma_") {
            new.push_str("sender.");
            new.push_str(old);
        } else if old.starts_with("sender.") || old.starts_with("metrosoc.") || matches!(old, "tags" | "message") {
            return false;
        } else {
            data_name(old, new);
        }
        true
    })?;
    settle(dates, event)
}

fn shape_winlogbeat(_mark: Mark, dates: &Dates<'_>, event: &mut Event) -> Result<Shaped, EventFull> {
    settle(dates, event)
}

fn shape_xml(mark: Mark, dates: &Dates<'_>, event: &mut Event) -> Result<Shaped, EventFull> {
    event.rename_since(mark, |old, new| {
        let Some(old) = old.strip_prefix("Event.") else { return false };
        if let Some(system) = old.strip_prefix("System.") {
            match system_name(system) {
                Some(name) => new.push_str(name),
                None => {
                    new.push_str("winlog.system.");
                    new.push_str(system);
                }
            }
        } else if let Some(data) = old.strip_prefix("EventData.") {
            data_name(data, new);
        } else if let Some(data) = old.strip_prefix("UserData.") {
            user_data_name(data, new);
        } else {
            new.push_str("winlog.");
            new.push_str(old);
        }
        true
    })?;
    event.remove("winlog.#attributes.xmlns");
    settle(dates, event)
}

/// `winlog.event_data.NAME`, spaces taken out of the name as rules write it; nameless data are `Data`.
fn data_name(name: &str, new: &mut String) {
    new.push_str("winlog.event_data.");
    push_bare(name.strip_suffix(".#text").unwrap_or(name), new);
}

/// `winlog.user_data.NAME`: the element that wraps the data is left out.
fn user_data_name(name: &str, new: &mut String) {
    new.push_str("winlog.user_data.");
    let inner = name.split_once('.').map_or(name, |(_, inner)| inner);
    push_bare(inner, new);
}

fn push_bare(name: &str, new: &mut String) {
    match name.bytes().any(|byte| byte == b' ') {
        true => new.extend(name.split(' ')),
        false => new.push_str(name),
    }
}

/// What all shapes need: the event id as a number, one computer, provider and record id, the time.
fn settle(dates: &Dates<'_>, event: &mut Event) -> Result<Shaped, EventFull> {
    if let Some(id) = event.get_str("winlog.event_id").and_then(|text| text.trim_ascii().parse::<i64>().ok()) {
        event.set("winlog.event_id", id)?;
    }
    event.copy("nxlog.Hostname", "winlog.computer_name")?;
    event.copy("nxlog.SourceName", "winlog.provider_name")?;
    event.copy("nxlog.RecordNumber", "winlog.record_id")?;
    let user_data = event.iter().filter_map(|(name, _)| name.strip_prefix("winlog.user_data."));
    let user_data: Vec<String> = user_data.map(str::to_owned).collect();
    for name in user_data.iter().take(100) {
        event.copy(&format!("winlog.user_data.{name}"), &format!("winlog.event_data.{name}"))?;
    }
    let time = time(dates, event);
    if time.is_some() {
        event.remove("sender.@timestamp");
    }
    Ok(Shaped { time, inner: None })
}

fn time(dates: &Dates<'_>, event: &Event) -> Option<event::Timestamp> {
    let text = |name| event.get(name).and_then(Value::as_str);
    let utc = |name| text(name).and_then(|text| dates.iso_utc(text));
    utc("winlog.time_created")
        .or_else(|| utc("sender.@timestamp"))
        .or_else(|| utc("winlog.event_data.UtcTime"))
        .or_else(|| text("nxlog.EventTime").and_then(|text| dates.iso(text)))
}
