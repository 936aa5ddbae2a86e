"""What the people of the simulated organisation attest: template, how many days ago, and what they say. All of it is invented."""

from __future__ import annotations

from typing import Final, NamedTuple


class Said(NamedTuple):
    """One statement: by its template, made `ago` days before the demonstration; `against` says that it is not in order."""

    template: str
    ago: int
    text: str
    against: bool = False


ENDS: Final = "authority-contacts"
"""The attestation that ends before the onlooker's eyes."""
SAID: Final = (
    Said("security-policies", 60, "Policies version 4.2, approved by the managing director; next review in a year."),
    Said("security-roles", 200, "Roles by name: security officer s.okafor, deputy m.keller, data protection l.moreau."),
    Said(
        "conflicting-duties", 180, "Nine conflicting pairs; two cannot be split in a team of this size and are watched by logs."
    ),
    Said("management-asks-for-compliance", 75, "Spoken about at the all-hands and in the goals of every team lead."),
    Said("special-interest-groups", 150, "CERT mailing list and the retail ISAC; j.lindqvist follows both."),
    Said("threat-intelligence", 88, "Two reports in the half-year; one led to blocking old label printers from the network."),
    Said("security-in-projects", 120, "Project method 2.1 with a security step; both projects of the year are classified."),
    Said("asset-register", 70, "412 entries, none without an owner, compared with the cloud's own list."),
    Said("acceptable-use", 82, "Rules version 3; 38 of 38 people have acknowledged them."),
    Said("returned-assets", 34, "Two of three receipts seen: one laptop of a leaver is missing.", against=True),
    Said("classification-scheme", 210, "Four levels, agreed with sales and warehouse."),
    Said("transfer-rules", 190, "Rules version 2; eleven partners, eleven agreements."),
    Said("access-policy", 230, "Version 5, approved by the owners of shop, billing and warehouse."),
    Said(
        "identity-life-cycle",
        140,
        "Joiners show a passport at the office; no shared identities but the display in the warehouse.",
    ),
    Said("supplier-register", 85, "23 suppliers, four critical, one assessment overdue: see the ticket."),
    Said("supplier-agreements", 89, "All 23 agreements hold the clauses; the last was signed in summer."),
    Said("supply-chain-requirements", 160, "Both developers' suppliers hand over component lists."),
    Said("cloud-service-register", 66, "17 services with owner and exit plan, approved by the managing director."),
    Said("incident-plan", 52, "Plan version 3, six playbooks, exercised on a table-top."),
    Said("evidence-procedure", 145, "Version 1.4; practised with the phishing mail."),
    Said("continuity-plans", 71, "Three plans; the one for the office was exercised."),
    Said("impact-analysis", 130, "Shop back in 4 hours, at most 15 minutes of orders lost; tested in spring."),
    Said("legal-register", 47, "31 requirements, each with an owner, none unmet."),
    Said("licence-inventory", 155, "64 products; no shortfall."),
    Said("retention-schedule", 240, "Nineteen kinds of records with their legal basis."),
    Said("processing-record", 111, "27 activities, four impact assessments."),
    Said("independent-review", 168, "Reviewed by an outside auditor; five findings, four of them closed."),
    Said("screening", 90, "Five joiners in the period, all screened before their first day."),
    Said("employment-terms", 210, "Template version 7; signed by all 38."),
    Said("training-record", 86, "36 of 38 have completed the training; two of the warehouse are due."),
    Said("disciplinary-process", 260, "Version 2, made known with the handbook; it was not needed."),
    Said("continuing-duties", 95, "Clause version 3; copies of both leavers seen."),
    Said("confidentiality-agreements", 58, "38 people and nine partners with access, all signed."),
    Said("remote-working-rules", 125, "Version 2; 21 people work remotely and have acknowledged it."),
    Said("reporting-channel", 43, "security@ and the red button in chat, told to everyone again in autumn."),
    Said("site-perimeters", 77, "Office and warehouse inspected; the fence behind the ramp is mended."),
    Said("provider-perimeters", 83, "SOC 2 reports of both cloud providers cover the Regions in use."),
    Said("entry-rights", 33, "54 rights looked at, three withdrawn."),
    Said("rooms-inspected", 77, "Server cupboard and office inspected, nothing found."),
    Said("premises-monitored", 64, "Alarm and cameras of the warehouse tested, no faults."),
    Said("physical-threats", 77, "Water sensor under the cupboard, fire doors checked."),
    Said("secure-areas", 77, "Only the server cupboard; two people have the key."),
    Said("clear-desk", 201, "Walked through in spring: four screens unlocked, told to their owners."),
    Said("off-premises-equipment", 29, "21 laptops, all encrypted, all can be wiped from afar."),
    Said("storage-media", 133, "Two drives in the register, none destroyed in the period."),
    Said("supporting-utilities", 80, "Battery tested for 22 minutes, the second line works."),
    Said("disposed-equipment", 50, "Six laptops disposed of, six certificates matched by serial number."),
    Said("managed-devices", 12, "41 devices enrolled, all encrypted, patched within seven days."),
    Said("malware-coverage", 46, "41 of 41 machines report; none was more than a day behind."),
    Said("capacity-plan", 105, "Shop and billing until the end of next year; thresholds looked at after the sale."),
    Said("baselines", 170, "Baselines of laptops, containers and databases stand in a repository."),
    Said("deletion-records", 62, "Customer data deleted on time in shop and billing; logs of billing are the known gap."),
    Said("masking-rules", 150, "Names and addresses are masked in the analytics project."),
    Said("leakage-measures", 79, "Mail and shares are covered, print is not."),
    Said("monitoring-scope", 99, "14 sources, 22 use cases, watched in working hours and on call at night."),
    Said("reference-time", 120, "Amazon's and Google's time; the largest offset was 3 ms."),
    Said("network-service-agreements", 175, "Two lines with agreed levels, reviewed in summer."),
    Said("zone-model", 115, "Four zones; allowed flows reviewed with the last audit."),
    Said("web-filter", 39, "41 devices behind the filter, one exception."),
    Said("cryptography-rules", 165, "Version 2.0; owners of keys by name."),
    Said("development-rules", 136, "Version 3 with two gates."),
    Said("application-requirements", 102, "Shop, billing and tracking have approved requirements."),
    Said("engineering-principles", 142, "Version 1.2; three designs reviewed, no deviation."),
    Said("test-data-rules", 74, "Two data sets in use, both masked."),
)
PENDING: Final = Said("audit-test-agreements", 3, "The penetration test of next month is agreed; the auditor still has to sign.")
"""It waits for a second person, so it says nothing yet."""
