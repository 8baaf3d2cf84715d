package change

// names are NetBox's, of application and model, as object_types has them.
var names = map[ObjectType]string{
	BackupRoutine: "netbox_proxbox.backuproutine", Replication: "netbox_proxbox.replication", ProxmoxEndpoint: "netbox_proxbox.proxmoxendpoint",
	ProxmoxNode: "netbox_proxbox.proxmoxnode", ProxmoxStorage: "netbox_proxbox.proxmoxstorage", ProxmoxCluster: "netbox_proxbox.proxmoxcluster",
	Cluster: "virtualization.cluster", VirtualMachine: "virtualization.virtualmachine", Tag: "extras.tag", User: "users.user", Token: "users.token",
	Group: "users.group", Permission: "users.objectpermission", CustomField: "extras.customfield", CustomFieldChoiceSet: "extras.customfieldchoiceset",
	JournalEntry: "extras.journalentry", ObjectChange: "core.objectchange", ObjectTypeType: "core.objecttype",
	Job: "core.job", SyncSchedule: "netbox_proxbox.syncschedule",
}

// String returns the name of the object type with its application, "extras.tag"; "" for an unknown one.
func (t ObjectType) String() string { return names[t] }

// TypeNamed returns the object type with this name.
func TypeNamed(name string) (t ObjectType, ok bool) {
	for t, n := range names {
		if n == name {
			return t, true
		}
	}
	return 0, false
}
