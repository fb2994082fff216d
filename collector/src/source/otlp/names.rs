//! OpenTelemetry's names (semantic conventions 1.x) and levels in ECS's words.

/// Attributes whose ECS name is another; what stands here twice over has an older and a newer name.
const NAMES: [(&str, &str); 46] = [
    ("code.file.path", "log.origin.file.name"),
    ("code.filepath", "log.origin.file.name"),
    ("code.function", "log.origin.function"),
    ("code.function.name", "log.origin.function"),
    ("code.line.number", "log.origin.file.line"),
    ("code.lineno", "log.origin.file.line"),
    ("container.image.tags", "container.image.tag"),
    ("db.operation.name", "event.action"),
    ("deployment.environment", "service.environment"),
    ("deployment.environment.name", "service.environment"),
    ("enduser.id", "user.name"),
    ("exception.message", "error.message"),
    ("exception.stacktrace", "error.stack_trace"),
    ("exception.type", "error.type"),
    ("host.arch", "host.architecture"),
    ("http.method", "http.request.method"),
    ("http.request.body.size", "http.request.body.bytes"),
    ("http.response.body.size", "http.response.body.bytes"),
    ("http.status_code", "http.response.status_code"),
    ("http.target", "url.original"),
    ("http.url", "url.original"),
    ("http.user_agent", "user_agent.original"),
    ("k8s.cluster.name", "orchestrator.cluster.name"),
    ("k8s.container.name", "container.name"),
    ("k8s.deployment.name", "kubernetes.deployment.name"),
    ("k8s.namespace.name", "kubernetes.namespace"),
    ("k8s.node.name", "kubernetes.node.name"),
    ("k8s.pod.name", "kubernetes.pod.name"),
    ("k8s.pod.uid", "kubernetes.pod.uid"),
    ("net.host.port", "server.port"),
    ("net.peer.port", "client.port"),
    ("network.peer.port", "source.port"),
    ("network.protocol.name", "network.protocol"),
    ("os.description", "host.os.full"),
    ("os.name", "host.os.name"),
    ("os.type", "host.os.type"),
    ("os.version", "host.os.version"),
    ("process.command_args", "process.args"),
    ("process.executable.name", "process.name"),
    ("process.executable.path", "process.executable"),
    ("process.owner", "user.name"),
    ("process.parent_pid", "process.parent.pid"),
    ("service.instance.id", "service.node.name"),
    ("thread.id", "process.thread.id"),
    ("thread.name", "process.thread.name"),
    ("url.full", "url.original"),
];

/// Attributes that hold an address or a name: where an address goes.
const ADDRESSES: [(&str, &str); 7] = [
    ("client.address", "source.ip"),
    ("destination.address", "destination.ip"),
    ("net.peer.ip", "source.ip"),
    ("net.sock.peer.addr", "source.ip"),
    ("network.peer.address", "source.ip"),
    ("server.address", "destination.ip"),
    ("source.address", "source.ip"),
];

/// ECS's name of an attribute, where it is another than OpenTelemetry's.
pub(super) fn ecs(name: &str) -> Option<&'static str> {
    let at = NAMES.binary_search_by_key(&name, |(own, _)| own).ok()?;
    NAMES.get(at).map(|(_, ecs)| *ecs)
}

/// Where an attribute's value goes when it is an IP address.
pub(super) fn address(name: &str) -> Option<&'static str> {
    ADDRESSES.iter().find(|(own, _)| *own == name).map(|(_, ecs)| *ecs)
}

/// The word for a severity number (1 to 24, four of each); empty for none.
pub(super) fn level(severity: i32) -> &'static str {
    match severity {
        1..=4 => "trace",
        5..=8 => "debug",
        9..=12 => "info",
        13..=16 => "warn",
        17..=20 => "error",
        21..=24 => "fatal",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_in_order() {
        assert!(NAMES.windows(2).all(|pair| pair[0].0 < pair[1].0));
        assert_eq!((ecs("exception.type"), ecs("service.name")), (Some("error.type"), None));
        assert_eq!((level(0), level(9), level(24), level(25)), ("", "info", "fatal", ""));
    }
}
