//! The wordings of IOS' messages, by mnemonic (Cisco IOS System Message Guide); of one mnemonic the fuller wording first.

use super::Wording;

/// Mnemonic, wording, action, outcome.
pub(super) const MESSAGES: &[Wording] = &[
    // Access lists.
    (
        "IPACCESSLOGP",
        "list {rule.name} denied {network.transport} {source} -> {destination}, {network.packets} packet",
        "deny",
        "failure",
    ),
    (
        "IPACCESSLOGP",
        "list {rule.name} permitted {network.transport} {source} -> {destination}, {network.packets} packet",
        "permit",
        "success",
    ),
    (
        "IPACCESSLOGDP",
        "list {rule.name} denied {network.transport} {source} -> {destination} ({icmp.type}/{icmp.code}), {network.packets} packet",
        "deny",
        "failure",
    ),
    (
        "IPACCESSLOGDP",
        "list {rule.name} permitted {network.transport} {source} -> {destination} ({icmp.type}/{icmp.code}), {network.packets} packet",
        "permit",
        "success",
    ),
    (
        "IPACCESSLOGNP",
        "list {rule.name} denied {network.iana_number} {source} -> {destination}, {network.packets} packet",
        "deny",
        "failure",
    ),
    (
        "IPACCESSLOGNP",
        "list {rule.name} permitted {network.iana_number} {source} -> {destination}, {network.packets} packet",
        "permit",
        "success",
    ),
    ("IPACCESSLOGS", "list {rule.name} denied {source} {network.packets} packet", "deny", "failure"),
    ("IPACCESSLOGS", "list {rule.name} permitted {source} {network.packets} packet", "permit", "success"),
    (
        "ACCESSLOGP",
        "list {rule.name} denied {network.transport} {source} -> {destination}, {network.packets} packet",
        "deny",
        "failure",
    ),
    (
        "ACCESSLOGP",
        "list {rule.name} permitted {network.transport} {source} -> {destination}, {network.packets} packet",
        "permit",
        "success",
    ),
    (
        "ACCESSLOGDP",
        "list {rule.name} denied {network.transport} {source} -> {destination} ({icmp.type}/{icmp.code}), {network.packets} packet",
        "deny",
        "failure",
    ),
    (
        "ACCESSLOGDP",
        "list {rule.name} permitted {network.transport} {source} -> {destination} ({icmp.type}/{icmp.code}), {network.packets} packet",
        "permit",
        "success",
    ),
    (
        "ACCESSLOGNP",
        "list {rule.name} denied {network.iana_number} {source} -> {destination}, {network.packets} packet",
        "deny",
        "failure",
    ),
    // Who signs in, and what is done.
    (
        "LOGIN_FAILED",
        "Login failed [user: {user.name}] [Source: {source.ip}] [localport: {destination.port}] [Reason: {event.reason}]",
        "login",
        "failure",
    ),
    (
        "LOGIN_SUCCESS",
        "Login Success [user: {user.name}] [Source: {source.ip}] [localport: {destination.port}]",
        "login",
        "success",
    ),
    (
        "QUIET_MODE_ON",
        "Still timeleft for watching failures is {} secs, [user: {user.name}] [Source: {source.ip}] [localport: {destination.port}]",
        "quiet_mode",
        "failure",
    ),
    ("QUIET_MODE_ON", "Still ", "quiet_mode", "failure"),
    ("SSH2_SESSION", "SSH2 Session request from {source.ip} (tty = {cisco.ios.line}) ", "ssh_connected", ""),
    (
        "SSH2_USERAUTH",
        "User '{user.name}' authentication for SSH2 Session from {source.ip} (tty = {cisco.ios.line}) {event.reason}",
        "ssh_login",
        "",
    ),
    ("LOGOUT", "User {user.name} has exited tty session {cisco.ios.line}({source.ip})", "logout", ""),
    ("CONFIG_I", "Configured from {cisco.ios.from} by {user.name} on {cisco.ios.line} ({source.ip})", "configured", ""),
    ("CONFIG_I", "Configured from {cisco.ios.from} by {user.name} on {cisco.ios.line}", "configured", ""),
    ("CFGLOG_LOGGEDCMD", "User:{user.name}  logged command:{process.command_line}", "command", ""),
    ("RELOAD", "Reload requested by {user.name} on {cisco.ios.line}.", "reload", ""),
    ("RELOAD", "Reload requested", "reload", ""),
    ("RESTART", "System restarted", "restart", ""),
    ("AUTHFAIL", "Authentication failure for SNMP req from host {source.ip}", "snmp_login", "failure"),
    // Neighbours in routing.
    ("BADAUTH", "{event.reason} digest from {source} to {destination}", "routing_authentication", "failure"),
    ("NOVALIDKEY", "No valid authentication {event.reason}", "routing_authentication", "failure"),
    ("ADJCHANGE", "neighbor {source.ip} Up", "neighbour_up", ""),
    ("ADJCHANGE", "neighbor {source.ip} Down {event.reason}", "neighbour_down", ""),
    (
        "ADJCHG",
        "Process {}, Nbr {source.ip} on {observer.ingress.interface.name} from {cisco.ios.state_before} to {cisco.ios.state}",
        "neighbour_changed",
        "",
    ),
    // Ports and who is connected to them.
    ("UPDOWN", "Interface {observer.ingress.interface.name}, changed state to {cisco.ios.state}", "link_changed", ""),
    (
        "UPDOWN",
        "Line protocol on Interface {observer.ingress.interface.name}, changed state to {cisco.ios.state}",
        "link_changed",
        "",
    ),
    (
        "PSECURE_VIOLATION",
        "Security violation occurred, caused by MAC address {source.mac} on port {observer.ingress.interface.name}.",
        "port_violation",
        "failure",
    ),
    ("MACFLAP_NOTIF", "Host {source.mac} in vlan {network.vlan.id} is flapping between port {}", "mac_flapping", ""),
    (
        "DHCP_SNOOPING_DENY",
        "{event.count} Invalid ARPs ({}) on {observer.ingress.interface.name}, vlan {network.vlan.id}.",
        "arp_denied",
        "failure",
    ),
    (
        "DHCP_SNOOPING_UNTRUSTED_PORT",
        "DHCP_SNOOPING drop message on untrusted port, message type: {event.reason}, MAC sa: {source.mac}",
        "dhcp_denied",
        "failure",
    ),
    (
        "FAIL",
        "Authorization failed {}for client ({source.mac}) on Interface {observer.ingress.interface.name}",
        "port_login",
        "failure",
    ),
    (
        "SUCCESS",
        "Authorization succeeded for client ({source.mac}) on Interface {observer.ingress.interface.name}",
        "port_login",
        "success",
    ),
    (
        "DUPADDR",
        "Duplicate address {source.ip} on {observer.ingress.interface.name}, sourced by {source.mac}",
        "duplicate_address",
        "",
    ),
];
