// Names of ATT&CK techniques (MITRE ATT&CK, Enterprise and ICS): those that shipped rules speak of, and the frequent others.

const LINES = `
T0883 Internet Accessible Device
T1003 OS Credential Dumping
T1003.001 LSASS Memory
T1003.002 Security Account Manager
T1003.003 NTDS
T1003.004 LSA Secrets
T1003.005 Cached Domain Credentials
T1003.006 DCSync
T1003.007 Proc Filesystem
T1003.008 /etc/passwd and /etc/shadow
T1005 Data from Local System
T1007 System Service Discovery
T1012 Query Registry
T1014 Rootkit
T1016 System Network Configuration Discovery
T1018 Remote System Discovery
T1020 Automated Exfiltration
T1020.001 Traffic Duplication
T1021 Remote Services
T1021.001 Remote Desktop Protocol
T1021.002 SMB/Windows Admin Shares
T1021.003 Distributed Component Object Model
T1021.004 SSH
T1021.006 Windows Remote Management
T1027 Obfuscated Files or Information
T1027.010 Command Obfuscation
T1030 Data Transfer Size Limits
T1033 System Owner/User Discovery
T1036 Masquerading
T1036.003 Rename Legitimate Utilities
T1036.005 Match Legitimate Resource Name or Location
T1036.007 Double File Extension
T1036.008 Masquerade File Type
T1036.010 Masquerade Account Name
T1037 Boot or Logon Initialization Scripts
T1040 Network Sniffing
T1041 Exfiltration Over C2 Channel
T1046 Network Service Discovery
T1047 Windows Management Instrumentation
T1048 Exfiltration Over Alternative Protocol
T1048.003 Exfiltration Over Unencrypted Non-C2 Protocol
T1049 System Network Connections Discovery
T1053 Scheduled Task/Job
T1053.003 Cron
T1053.005 Scheduled Task
T1055 Process Injection
T1056 Input Capture
T1057 Process Discovery
T1059 Command and Scripting Interpreter
T1059.001 PowerShell
T1059.003 Windows Command Shell
T1059.004 Unix Shell
T1059.005 Visual Basic
T1059.006 Python
T1059.007 JavaScript
T1068 Exploitation for Privilege Escalation
T1069 Permission Groups Discovery
T1070 Indicator Removal
T1070.001 Clear Windows Event Logs
T1070.002 Clear Linux or Mac System Logs
T1070.003 Clear Command History
T1070.004 File Deletion
T1070.006 Timestomp
T1071 Application Layer Protocol
T1071.001 Web Protocols
T1071.004 DNS
T1074 Data Staged
T1078 Valid Accounts
T1078.001 Default Accounts
T1078.002 Domain Accounts
T1078.003 Local Accounts
T1078.004 Cloud Accounts
T1082 System Information Discovery
T1083 File and Directory Discovery
T1087 Account Discovery
T1087.001 Local Account
T1087.002 Domain Account
T1087.003 Email Account
T1090 Proxy
T1090.001 Internal Proxy
T1090.003 Multi-hop Proxy
T1095 Non-Application Layer Protocol
T1098 Account Manipulation
T1098.001 Additional Cloud Credentials
T1098.003 Additional Cloud Roles
T1098.004 SSH Authorized Keys
T1098.005 Device Registration
T1098.007 Additional Local or Domain Groups
T1102 Web Service
T1105 Ingress Tool Transfer
T1106 Native API
T1110 Brute Force
T1110.001 Password Guessing
T1110.002 Password Cracking
T1110.003 Password Spraying
T1110.004 Credential Stuffing
T1112 Modify Registry
T1113 Screen Capture
T1114 Email Collection
T1114.003 Email Forwarding Rule
T1115 Clipboard Data
T1119 Automated Collection
T1125 Video Capture
T1127 Trusted Developer Utilities Proxy Execution
T1132 Data Encoding
T1132.001 Standard Encoding
T1133 External Remote Services
T1134 Access Token Manipulation
T1134.005 SID-History Injection
T1135 Network Share Discovery
T1136 Create Account
T1136.001 Local Account
T1136.002 Domain Account
T1140 Deobfuscate/Decode Files or Information
T1187 Forced Authentication
T1189 Drive-by Compromise
T1190 Exploit Public-Facing Application
T1195 Supply Chain Compromise
T1197 BITS Jobs
T1199 Trusted Relationship
T1200 Hardware Additions
T1201 Password Policy Discovery
T1202 Indirect Command Execution
T1203 Exploitation for Client Execution
T1204 User Execution
T1204.001 Malicious Link
T1204.002 Malicious File
T1207 Rogue Domain Controller
T1210 Exploitation of Remote Services
T1213 Data from Information Repositories
T1213.006 Databases
T1216 System Script Proxy Execution
T1218 System Binary Proxy Execution
T1218.005 Mshta
T1218.007 Msiexec
T1218.010 Regsvr32
T1218.011 Rundll32
T1219 Remote Access Tools
T1220 XSL Script Processing
T1222 File and Directory Permissions Modification
T1482 Domain Trust Discovery
T1484 Domain or Tenant Policy Modification
T1485 Data Destruction
T1486 Data Encrypted for Impact
T1489 Service Stop
T1490 Inhibit System Recovery
T1491 Defacement
T1491.002 External Defacement
T1495 Firmware Corruption
T1496 Resource Hijacking
T1496.001 Compute Hijacking
T1498 Network Denial of Service
T1498.002 Reflection Amplification
T1499 Endpoint Denial of Service
T1499.001 OS Exhaustion Flood
T1505 Server Software Component
T1505.001 SQL Stored Procedures
T1505.003 Web Shell
T1518 Software Discovery
T1528 Steal Application Access Token
T1529 System Shutdown/Reboot
T1530 Data from Cloud Storage
T1531 Account Access Removal
T1534 Internal Spearphishing
T1539 Steal Web Session Cookie
T1542 Pre-OS Boot
T1542.001 System Firmware
T1542.005 TFTP Boot
T1543 Create or Modify System Process
T1543.002 Systemd Service
T1543.003 Windows Service
T1546 Event Triggered Execution
T1546.003 Windows Management Instrumentation Event Subscription
T1546.008 Accessibility Features
T1546.012 Image File Execution Options Injection
T1547 Boot or Logon Autostart Execution
T1547.001 Registry Run Keys / Startup Folder
T1547.006 Kernel Modules and Extensions
T1548 Abuse Elevation Control Mechanism
T1548.001 Setuid and Setgid
T1548.002 Bypass User Account Control
T1548.003 Sudo and Sudo Caching
T1550 Use Alternate Authentication Material
T1550.001 Application Access Token
T1550.002 Pass the Hash
T1550.003 Pass the Ticket
T1552 Unsecured Credentials
T1552.001 Credentials In Files
T1552.004 Private Keys
T1552.005 Cloud Instance Metadata API
T1553 Subvert Trust Controls
T1553.002 Code Signing
T1553.004 Install Root Certificate
T1554 Compromise Host Software Binary
T1555 Credentials from Password Stores
T1556 Modify Authentication Process
T1556.005 Reversible Encryption
T1556.006 Multi-Factor Authentication
T1557 Adversary-in-the-Middle
T1557.003 DHCP Spoofing
T1558 Steal or Forge Kerberos Tickets
T1558.001 Golden Ticket
T1558.003 Kerberoasting
T1558.004 AS-REP Roasting
T1560 Archive Collected Data
T1561 Disk Wipe
T1561.001 Disk Content Wipe
T1562 Impair Defenses
T1562.001 Disable or Modify Tools
T1562.002 Disable Windows Event Logging
T1562.004 Disable or Modify System Firewall
T1562.006 Indicator Blocking
T1562.008 Disable or Modify Cloud Logs
T1562.012 Disable or Modify Linux Audit System
T1563 Remote Service Session Hijacking
T1564 Hide Artifacts
T1564.001 Hidden Files and Directories
T1565 Data Manipulation
T1565.001 Stored Data Manipulation
T1565.002 Transmitted Data Manipulation
T1566 Phishing
T1566.001 Spearphishing Attachment
T1566.002 Spearphishing Link
T1567 Exfiltration Over Web Service
T1567.002 Exfiltration to Cloud Storage
T1568 Dynamic Resolution
T1569 System Services
T1569.002 Service Execution
T1570 Lateral Tool Transfer
T1571 Non-Standard Port
T1572 Protocol Tunneling
T1573 Encrypted Channel
T1573.002 Asymmetric Cryptography
T1574 Hijack Execution Flow
T1574.001 DLL
T1574.006 Dynamic Linker Hijacking
T1583 Acquire Infrastructure
T1583.001 Domains
T1588 Obtain Capabilities
T1589 Gather Victim Identity Information
T1590 Gather Victim Network Information
T1590.002 DNS
T1595 Active Scanning
T1595.001 Scanning IP Blocks
T1595.002 Vulnerability Scanning
T1595.003 Wordlist Scanning
T1599 Network Boundary Bridging
T1600 Weaken Encryption
T1601 Modify System Image
T1601.001 Patch System Image
T1601.002 Downgrade System Image
T1602 Data from Configuration Repository
T1602.001 SNMP (MIB Dump)
T1602.002 Network Device Configuration Dump
T1606 Forge Web Credentials
T1608 Stage Capabilities
T1608.001 Upload Malware
T1610 Deploy Container
T1611 Escape to Host
T1613 Container and Resource Discovery
T1615 Group Policy Discovery
T1620 Reflective Code Loading
T1621 Multi-Factor Authentication Request Generation
T1649 Steal or Forge Authentication Certificates
T1656 Impersonation
T1657 Financial Theft
`;

/** `T1110.001` → `Password Guessing`. */
export const TECHNIQUES: ReadonlyMap<string, string> = new Map(
  LINES.trim()
    .split("\n")
    .map((line): [string, string] => [line.slice(0, line.indexOf(" ")), line.slice(line.indexOf(" ") + 1)]),
);
