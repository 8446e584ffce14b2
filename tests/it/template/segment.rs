//! What follows from `[segment]` beside the packet filter: limits of services, and who logs in.

use karat::tree::{Kind, MemoryBlobs, Open, Tree};

use super::overlay::{KEY, facts, lay, path, system, text, unit};
use super::{WHOLE, resolve};
use crate::support::root::Sample;

const SEGMENT: &str = "/etc/systemd/system";
const LOGINS: &str = "/etc/ssh/sshd_config.d/05-karat-segment.conf";

/// A system with a packet filter, sshd, and a package's own service.
fn server() -> Sample {
    let mut sample = system();
    for directory in ["/etc/ssh", "/usr/sbin"] {
        sample.add(directory, 0o755, Kind::Directory, "package:base-files");
    }
    sample.file("/usr/sbin/nft", 0o755, b"nft", "package:nftables");
    sample.file("/etc/ssh/sshd_config", 0o600, b"", "package:openssh-server");
    unit(
        &mut sample,
        "nftables.service",
        "[Install]\nWantedBy=sysinit.target\n",
    );
    unit(&mut sample, "web.service", "");
    unit(&mut sample, "mail.service", "");
    sample
}

const WEB: &str = "[segment]\ncategory = \"frontend\"\nsegment = \"web\"\nadmin_from = [\"ops\"]\n\
    [[segment.provides]]\nname = \"http\"\nport = 80\naudience = \"public\"\nunit = \"web.service\"\n\
    [[segment.egress]]\nto = \"dns\"\n\
    [[segment.egress]]\nto = \"10.9.0.0/16\"\nport = 443\nunit = \"pull.service\"\n";

fn own(name: &str) -> String {
    format!(
        "[[files]]\npath = \"/etc/systemd/system/{name}\"\ncontent = \"[Service]\\nExecStart=/bin/true\\n\"\n"
    )
}

fn has(out: &(Tree<Open>, MemoryBlobs), at: &str) -> bool {
    out.0.get(&path(at)).is_some()
}

#[test]
fn services_speak_with_whom_the_segment_names() {
    let sample = server();
    let files = [
        "mail.service",
        "pull.service",
        "tidy.service",
        "web.service",
    ]
    .map(own);
    let out = lay(&sample, &format!("{WEB}{}", files.concat())).unwrap();
    let drop_in = |name: &str| format!("{SEGMENT}/{name}.d/40-karat-segment.conf");
    let said = |name: &str| {
        let text = text(&sample, &out, &drop_in(name));
        let (head, said) = text.split_once("[Service]\n").unwrap();
        assert!(
            head.starts_with("# Written by karat from [segment]"),
            "{head}"
        );
        said.to_owned()
    };
    assert_eq!(
        said("web.service"),
        "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6\nSocketBindDeny=any\nSocketBindAllow=tcp:80\n"
    );
    assert_eq!(
        said("pull.service"),
        "IPAddressDeny=any\nIPAddressAllow=localhost 10.9.0.0/16\n"
    );
    assert_eq!(
        said("tidy.service"),
        "IPAddressDeny=any\nIPAddressAllow=localhost\n"
    );
    assert_eq!(
        facts(&out, &drop_in("tidy.service")),
        "0644 0:0 template:segment"
    );
    // A package brings it along: what it speaks with, only its makers know.
    assert!(!has(&out, &drop_in("mail.service")));

    // An opening that may be anybody's says nothing of anybody else.
    let anybody = "[[segment.egress]]\nto = \"10.8.0.0/16\"\n";
    let out = lay(&sample, &format!("{WEB}{anybody}{}", own("tidy.service"))).unwrap();
    assert!(!has(&out, &drop_in("tidy.service")) && has(&out, &drop_in("web.service")));
}

#[test]
fn who_logs_in_is_who_has_a_key() {
    let sample = server();
    let user = |name: &str, more: &str| format!("[[users]]\nname = \"{name}\"\n{more}");
    let keys = format!("ssh_keys = [\"{KEY}\"]\n");
    let users = [user("zoe", &keys), user("ann", &keys), user("app", "")].concat();
    let sealed = "[verify.facts]\naccounts_password = []\nstartup = []\n";
    let logins = |text_of: &str| {
        let out = lay(&sample, text_of).unwrap();
        has(&out, LOGINS).then(|| {
            assert_eq!(facts(&out, LOGINS), "0600 0:0 template:segment");
            let text = text(&sample, &out, LOGINS);
            text.lines().nth(1).unwrap().to_owned()
        })
    };
    let says = |text: &str| Some(format!("AllowUsers {text}"));
    assert_eq!(logins(&format!("{WEB}{users}{sealed}")), says("ann zoe"));
    let closed = WEB.replace("[\"ops\"]", "[]");
    assert_eq!(
        logins(&format!("{closed}{users}{sealed}")),
        says("ann@127.0.0.0/8 ann@::1 zoe@127.0.0.0/8 zoe@::1")
    );

    // Somebody else may have a key or a password: then nobody is named.
    let sshd = |text: &str| {
        format!("[[files]]\npath = \"/etc/ssh/sshd_config.d/a.conf\"\ncontent = \"{text}\\n\"\n")
    };
    let open = [
        users.clone(),
        format!("{users}[verify.facts]\naccounts_password = []\n"),
        format!("{users}[verify.facts]\nstartup = []\n"),
        format!("{users}[verify.facts]\naccounts_password = [\"ann\"]\nstartup = []\n"),
        format!(
            "{users}[verify.facts]\naccounts_password = []\nstartup = [\"/home/*/.ssh/authorized_keys\"]\n"
        ),
        format!(
            "{users}{sealed}[[files]]\npath = \"/home/b/.ssh/authorized_keys\"\ncontent = \"\"\n"
        ),
        format!("{users}{sealed}{}", sshd("TrustedUserCAKeys /etc/ssh/ca")),
        format!("{users}{sealed}{}", sshd("passwordAuthentication yes")),
        sealed.to_owned(),
    ];
    for more in open {
        assert_eq!(logins(&format!("{WEB}{more}")), None, "{more}");
        // But that nobody comes from elsewhere is known.
        assert_eq!(
            logins(&format!("{closed}{more}")),
            says("*@127.0.0.0/8 *@::1"),
            "{more}"
        );
    }
    // A list of the template's own is not made longer.
    let list = sshd("AllowUsers ann");
    assert_eq!(logins(&format!("{closed}{users}{sealed}{list}")), None);
    // From where they come is another question.
    let anywhere = WEB.replace("admin_from = [\"ops\"]\n", "");
    assert_eq!(
        logins(&format!("{anywhere}{users}{sealed}")),
        says("ann zoe")
    );
    // Who states no place is told nothing.
    let nowhere = WEB.replace("category = \"frontend\"\n", "");
    assert_eq!(logins(&format!("{nowhere}{users}{sealed}")), None);
}

/// Under a profile whose rules let nothing unnamed out, that an image belongs nowhere opens nothing: what it
/// states goes out, and the agent is told.
#[test]
fn strict_closes_what_states_no_category() {
    const FILTER: &str = "/etc/nftables.d/karat.nft";
    let sample = server();
    let harden = |profile: &str, more: &str| {
        format!(
            "[segment]\n[[segment.egress]]\nto = \"10.9.0.0/16\"\nport = 443\n\
             [harden]\nprofile = \"{profile}\"\n{more}"
        )
    };
    // Whether the output is closed, and whether the agent is told what the filter is.
    let told = |packages: &str, stated: &str| {
        let whole = format!("packages = [{packages}]\n{WHOLE}{stated}");
        let template = resolve(&[("t.toml", &whole)]).unwrap();
        let filter = template.ruleset().unwrap().to_text();
        let out = lay(&sample, stated).unwrap();
        assert_eq!(text(&sample, &out, FILTER), filter);
        (
            filter.contains("hook output priority filter; policy drop"),
            template.facts().firewall.is_some(),
        )
    };
    let nft = "\"nftables\"";
    assert_eq!(told(nft, &harden("strict", "")), (true, true));
    // Whether another package brings a packet filter along is not known here.
    assert_eq!(told("", &harden("strict", "")), (true, false));
    let except = "except = { \"fw.deny-out\" = \"it asks whoever it likes\" }\n";
    for stated in [harden("server-l2", ""), harden("strict", except)] {
        assert_eq!(told(nft, &stated), (false, false), "{stated}");
    }
}
