#include "words.h"

#define WORDS(name, ...)                                    \
    static const char *const name##_list[] = {__VA_ARGS__}; \
    const struct words words_##name = {name##_list, sizeof name##_list / sizeof *name##_list}

WORDS(odd_names, "Nordlicht Bäckerei GmbH", "Café Zürich ☕ & Söhne", "מאפיית השחר בע\"מ",
      "شركة النخيل للتجارة", "Blau\u00a0Weiß Logistik", "ＡＣＭＥ　Ｔｒａｄｉｎｇ",
      "Straßenbau Groß KG", "Harbor Dental", "Harbor Dental", "STRASSENBAU GROSS KG",
      "Iğdır Yazılım A.Ş.", "Müller, Maier & Co.", "O'Neill <b>Law</b> \"Group\"",
      "  Padded   Name  ", "Zoë's Flowers 🌷🌻", "株式会社みらい工業", "Ångström Mätteknik AB");
WORDS(company, "Alder", "Birch", "Cobalt", "Driftwood", "Ember", "Fjord", "Granite", "Heron",
      "Indigo", "Juniper", "Kestrel", "Larkspur", "Meridian", "Northgate", "Orchard", "Pinnacle",
      "Quarry", "Ridgeway", "Sable", "Thistle", "Umber", "Vantage", "Willow", "Yarrow", "Zephyr",
      "Lindenhof", "Königsberg", "Älvsjö", "Brückner", "Çelik");
WORDS(branch, "Dental", "Logistics", "Architects", "Legal", "Bakery", "Motors", "Clinic",
      "Accounting", "Consulting", "Foods", "Print", "Realty", "Engineering", "Steuerberatung",
      "Metallbau", "Schools", "Insurance", "Media");
WORDS(legal_form, "LLC", "Inc.", "GmbH", "Ltd", "& Partners", "AG", "Pty Ltd", "e.K.", "SARL", "");
WORDS(first_name, "Jana", "Omar", "Priya", "Lukas", "Sofía", "Tomasz", "Aoife", "Noah", "Mia",
      "Jürgen", "Chloé", "Kenji", "Amara", "Björn", "Ivan", "Leila");
WORDS(last_name, "Becker", "Haddad", "Nair", "Weiß", "García", "Nowak", "Byrne", "Miller",
      "Schäfer", "Dubois", "Sato", "Okafor", "Lindqvist", "Petrov", "Rossi", "O'Brien");
WORDS(topic, "Backup", "Network", "Active Directory", "Email", "Printing", "Internet/WAN",
      "Licensing", "Voice/PBX", "Wireless", "Antivirus", "Remote Access", "Vendors",
      "Virtualization", "Applications", "File Sharing", "LAN & Verkabelung");
WORDS(document, "VPN onboarding", "New user setup", "Restore from backup", "Firewall change",
      "Printer installation", "Server reboot order", "Phone system overview", "Site survey",
      "Vendor escalation", "Monthly patching", "Übergabeprotokoll", "Notfallplan", "Door access",
      "Mailbox migration", "Wi-Fi for guests", "Disaster recovery");
WORDS(folder, "Network", "Servers", "Users", "Vendors", "Procedures", "Archive", "Onboarding",
      "Security", "Projekte", "Sites");
WORDS(system, "Firewall", "Domain controller", "NAS", "Switch", "Router", "Hypervisor", "Mail",
      "Backup server", "Access point", "Phone system", "Camera", "Cloud tenant", "Registrar",
      "Bank portal", "ERP");
WORDS(checklist, "New employee", "Leaving employee", "New server", "Quarterly review", "Site move",
      "Firewall replacement", "Backup test", "Umzug Büro");
WORDS(task, "Create mailbox", "Assign licence", "Order hardware", "Disable account",
      "Collect devices", "Update documentation", "Test restore", "Inform customer",
      "Change alarm code", "Verify monitoring", "Schlüssel übergeben");
WORDS(plain, "the", "server", "restart", "check", "before", "customer", "service", "window",
      "address", "install", "client", "open", "ticket", "wait", "until", "green", "status", "für",
      "Gerät", "prüfen", "and", "then", "confirm", "backup", "nightly", "network", "switch", "port",
      "call", "support", "contract", "licence", "update", "verify", "log", "user", "group",
      "policy", "printer", "größer", "naïve", "—", "site");

const char *words_pick(const struct words *words, struct random *random)
{
    return words->list[random_below(random, words->count)];
}
