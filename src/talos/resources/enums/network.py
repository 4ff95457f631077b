"""Enumerations of the domain network: number on the proto wire, text in YAML."""

from __future__ import annotations

from talos.state.enums import WireEnum, WireFlag


class ADLACPActive(WireEnum):
    """Enumeration NethelpersADLACPActive of the wire contract."""

    OFF = 0, "off"
    ON = 1, "on"


class ADSelect(WireEnum):
    """Enumeration NethelpersADSelect of the wire contract."""

    STABLE = 0, "stable"
    BANDWIDTH = 1, "bandwidth"
    COUNT = 2, "count"


class ARPAllTargets(WireEnum):
    """Enumeration NethelpersARPAllTargets of the wire contract."""

    ANY = 0, "any"
    ALL = 1, "all"


class ARPValidate(WireEnum):
    """Enumeration NethelpersARPValidate of the wire contract."""

    NONE = 0, "none"
    ACTIVE = 1, "active"
    BACKUP = 2, "backup"
    ALL = 3, "all"
    FILTER = 4, "filter"
    FILTER_ACTIVE = 5, "filter-active"
    FILTER_BACKUP = 6, "filter-backup"


class AddressFlag(WireFlag):
    """Flags NethelpersAddressFlag of the wire contract."""

    TEMPORARY = 1, "temporary"
    NO_DAD = 2, "nodad"
    OPTIMISTIC = 4, "optimistic"
    DAD_FAILED = 8, "dadfailed"
    HOME = 16, "homeaddress"
    DEPRECATED = 32, "deprecated"
    TENTATIVE = 64, "tentative"
    PERMANENT = 128, "permanent"
    MANAGEMENT_TEMP = 256, "mngmtmpaddr"
    NO_PREFIX_ROUTE = 512, "noprefixroute"
    MC_AUTO_JOIN = 1024, "mcautojoin"
    STABLE_PRIVACY = 2048, "stableprivacy"


class AddressSortAlgorithm(WireEnum):
    """Enumeration NethelpersAddressSortAlgorithm of the wire contract."""

    V1 = 0, "v1"
    V2 = 1, "v2"


class BGPSessionState(WireEnum):
    """Enumeration NethelpersBGPSessionState of the wire contract."""

    UNKNOWN = 0, "UNKNOWN"
    IDLE = 1, "IDLE"
    CONNECT = 2, "CONNECT"
    ACTIVE = 3, "ACTIVE"
    OPEN_SENT = 4, "OPEN_SENT"
    OPEN_CONFIRM = 5, "OPEN_CONFIRM"
    ESTABLISHED = 6, "ESTABLISHED"


class BondMode(WireEnum):
    """Enumeration NethelpersBondMode of the wire contract."""

    ROUNDROBIN = 0, "balance-rr"
    ACTIVE_BACKUP = 1, "active-backup"
    XOR = 2, "balance-xor"
    BROADCAST = 3, "broadcast"
    MODE_8023_AD = 4, "802.3ad"
    TLB = 5, "balance-tlb"
    ALB = 6, "balance-alb"


class BondXmitHashPolicy(WireEnum):
    """Enumeration NethelpersBondXmitHashPolicy of the wire contract."""

    LAYER2 = 0, "layer2"
    LAYER34 = 1, "layer3+4"
    LAYER23 = 2, "layer2+3"
    ENCAP23 = 3, "encap2+3"
    ENCAP34 = 4, "encap3+4"


class ClientIdentifier(WireEnum):
    """Enumeration NethelpersClientIdentifier of the wire contract."""

    NONE = 0, "none"
    MAC = 1, "mac"
    DUID = 2, "duid"


class ConfigLayer(WireEnum):
    """Enumeration NetworkConfigLayer of the wire contract."""

    DEFAULT = 0, "default"
    CMDLINE = 1, "cmdline"
    PLATFORM = 2, "platform"
    OPERATOR = 3, "operator"
    MACHINE_CONFIGURATION = 4, "configuration"


class ConntrackState(WireEnum):
    """Enumeration NethelpersConntrackState of the wire contract."""

    INVALID = 1, "invalid"
    ESTABLISHED = 2, "established"
    RELATED = 4, "related"
    NEW = 8, "new"


class DNSProtocol(WireEnum):
    """Enumeration NethelpersDNSProtocol of the wire contract."""

    DEFAULT = 0, "Do53"
    DNS_OVER_TLS = 1, "DoT"
    DNS_OVER_HTTP = 2, "DoH"


class Duplex(WireEnum):
    """Enumeration NethelpersDuplex of the wire contract."""

    HALF = 0, "Half"
    FULL = 1, "Full"
    UNKNOWN = 255, "Unknown"


class FailOverMAC(WireEnum):
    """Enumeration NethelpersFailOverMAC of the wire contract."""

    NONE = 0, "none"
    ACTIVE = 1, "active"
    FOLLOW = 2, "follow"


class Family(WireEnum):
    """Enumeration NethelpersFamily of the wire contract."""

    INET4 = 2, "inet4"
    INET6 = 10, "inet6"


class LACPRate(WireEnum):
    """Enumeration NethelpersLACPRate of the wire contract."""

    SLOW = 0, "slow"
    FAST = 1, "fast"


class LinkFlag(WireFlag):
    """Flags NethelpersLinkFlag of the wire contract."""

    UP = 1, "UP"
    BROADCAST = 2, "BROADCAST"
    DEBUG = 4, "DEBUG"
    LOOPBACK = 8, "LOOPBACK"
    POINT_TO_POINT = 16, "POINTTOPOINT"
    NO_TRAILERS = 32, "NOTRAILERS"
    RUNNING = 64, "RUNNING"
    NO_ARP = 128, "NOARP"
    PROMISC = 256, "PROMISC"
    ALL_MULTI = 512, "ALLMULTI"
    MASTER = 1024, "MASTER"
    SLAVE = 2048, "SLAVE"
    MULTICAST = 4096, "MULTICAST"
    PORTSEL = 8192, "PORTSEL"
    AUTO_MEDIA = 16384, "AUTOMEDIA"
    DYNAMIC = 32768, "DYNAMIC"
    LOWER_UP = 65536, "LOWER_UP"
    DORMANT = 131072, "DORMANT"
    ECHO = 262144, "ECHO"


class LinkType(WireEnum):
    """Enumeration NethelpersLinkType of the wire contract."""

    NETROM = 0, "netrom"
    ETHER = 1, "ether"
    EETHER = 2, "eether"
    AX25 = 3, "ax25"
    PRONET = 4, "pronet"
    CHAOS = 5, "chaos"
    IEEE802 = 6, "ieee802"
    ARCNET = 7, "arcnet"
    ATALK = 8, "atalk"
    DLCI = 15, "dlci"
    ATM = 19, "atm"
    METRICOM = 23, "metricom"
    IEEE1394 = 24, "ieee1394"
    EUI64 = 27, "eui64"
    INFINIBAND = 32, "infiniband"
    SLIP = 256, "slip"
    CSLIP = 257, "cslip"
    SLIP6 = 258, "slip6"
    CSLIP6 = 259, "cslip6"
    RSRVD = 260, "rsrvd"
    ADAPT = 264, "adapt"
    ROSE = 270, "rose"
    X25 = 271, "x25"
    HWX25 = 272, "hwx25"
    CAN = 280, "can"
    PPP = 512, "ppp"
    CISCO = 513, "cisco"
    LAPB = 516, "lapb"
    DDCMP = 517, "ddcmp"
    RAWHDLC = 518, "rawhdlc"
    TUNNEL = 768, "tunnel"
    TUNNEL6 = 769, "tunnel6"
    FRAD = 770, "frad"
    SKIP = 771, "skip"
    LOOPBACK = 772, "loopback"
    LOCALTLK = 773, "localtlk"
    FDDI = 774, "fddi"
    BIF = 775, "bif"
    SIT = 776, "sit"
    IPDDP = 777, "ip/ddp"
    IPGRE = 778, "gre/ip"
    PIMREG = 779, "pimreg"
    HIPPI = 780, "hippi"
    ASH = 781, "ash"
    ECONET = 782, "econet"
    IRDA = 783, "irda"
    FCPP = 784, "fcpp"
    FCAL = 785, "fcal"
    FCPL = 786, "fcpl"
    FCFABRIC = 787, "fcfabric"
    FCFABRIC1 = 788, "fcfabric1"
    FCFABRIC2 = 789, "fcfabric2"
    FCFABRIC3 = 790, "fcfabric3"
    FCFABRIC4 = 791, "fcfabric4"
    FCFABRIC5 = 792, "fcfabric5"
    FCFABRIC6 = 793, "fcfabric6"
    FCFABRIC7 = 794, "fcfabric7"
    FCFABRIC8 = 795, "fcfabric8"
    FCFABRIC9 = 796, "fcfabric9"
    FCFABRIC10 = 797, "fcfabric10"
    FCFABRIC11 = 798, "fcfabric11"
    FCFABRIC12 = 799, "fcfabric12"
    IEEE802TR = 800, "ieee802/tr"
    IEEE80211 = 801, "ieee802.11"
    IEEE80211PRISM = 802, "ieee802.11/prism"
    IEEE80211_RADIOTAP = 803, "ieee802.11/radiotap"
    IEEE8021154 = 804, "ieee802.15.4"
    IEEE8021154MONITOR = 805, "ieee802.15.4/monitor"
    PHONET = 820, "phonet"
    PHONETPIPE = 821, "phonetpipe"
    CAIF = 822, "caif"
    IP6GRE = 823, "ip6gre"
    NETLINK = 824, "netlink"
    LOWPAN6 = 825, "6lowpan"
    NONE = 65534, "none"
    VOID = 65535, "void"


class MatchOperator(WireEnum):
    """Enumeration NethelpersMatchOperator of the wire contract."""

    EQUAL = 0, "=="
    NOT_EQUAL = 1, "!="


class NfTablesChainHook(WireEnum):
    """Enumeration NethelpersNfTablesChainHook of the wire contract."""

    PREROUTING = 0, "prerouting"
    INPUT = 1, "input"
    FORWARD = 2, "forward"
    OUTPUT = 3, "output"
    POSTROUTING = 4, "postrouting"


class NfTablesChainPriority(WireEnum):
    """Enumeration NethelpersNfTablesChainPriority of the wire contract."""

    FIRST = -2147483648, "first"
    CONNTRACK_DEFRAG = -400, "conntrack-defrag"
    RAW = -300, "raw"
    SE_LINUX_FIRST = -225, "selinux-first"
    CONNTRACK = -200, "conntrack"
    MANGLE = -150, "mangle"
    NAT_DEST = -100, "nat-dest"
    FILTER = 0, "filter"
    SECURITY = 50, "security"
    NAT_SOURCE = 100, "nat-source"
    SE_LINUX_LAST = 225, "selinux-last"
    CONNTRACK_HELPER = 300, "conntrack-helper"
    LAST = 2147483647, "last"


class NfTablesVerdict(WireEnum):
    """Enumeration NethelpersNfTablesVerdict of the wire contract."""

    DROP = 0, "drop"
    ACCEPT = 1, "accept"


class OperationalState(WireEnum):
    """Enumeration NethelpersOperationalState of the wire contract."""

    UNKNOWN = 0, "unknown"
    NOT_PRESENT = 1, "notPresent"
    DOWN = 2, "down"
    LOWER_LAYER_DOWN = 3, "lowerLayerDown"
    TESTING = 4, "testing"
    DORMANT = 5, "dormant"
    UP = 6, "up"


class Operator(WireEnum):
    """Enumeration NetworkOperator of the wire contract."""

    DHCP4 = 0, "dhcp4"
    DHCP6 = 1, "dhcp6"
    VIP = 2, "vip"


class Port(WireEnum):
    """Enumeration NethelpersPort of the wire contract."""

    TWISTED_PAIR = 0, "TwistedPair"
    AUI = 1, "AUI"
    MII = 2, "MII"
    FIBRE = 3, "Fibre"
    BNC = 4, "BNC"
    DIRECT_ATTACH = 5, "DirectAttach"
    NONE = 239, "None"
    OTHER = 255, "Other"


class PrimaryReselect(WireEnum):
    """Enumeration NethelpersPrimaryReselect of the wire contract."""

    ALWAYS = 0, "always"
    BETTER = 1, "better"
    FAILURE = 2, "failure"


class Protocol(WireEnum):
    """Enumeration NethelpersProtocol of the wire contract."""

    ICMP = 1, "icmp"
    TCP = 6, "tcp"
    UDP = 17, "udp"
    ICMPV6 = 58, "icmpv6"


class RouteFlag(WireFlag):
    """Flags NethelpersRouteFlag of the wire contract."""

    NOTIFY = 256, "notify"
    CLONED = 512, "cloned"
    EQUALIZE = 1024, "equalize"
    PREFIX = 2048, "prefix"
    LOOKUP_TABLE = 4096, "lookup-table"
    FIB_MATCH = 8192, "fib-match"
    OFFLOAD = 16384, "offload"
    TRAP = 32768, "trap"


class RouteProtocol(WireEnum):
    """Enumeration NethelpersRouteProtocol of the wire contract."""

    UNSPEC = 0, "unspec"
    REDIRECT = 1, "redirect"
    KERNEL = 2, "kernel"
    BOOT = 3, "boot"
    STATIC = 4, "static"
    RA = 9, "ra"
    MRT = 10, "mrt"
    ZEBRA = 11, "zebra"
    BIRD = 12, "bird"
    DNROUTED = 13, "dnrouted"
    XORP = 14, "xorp"
    NTK = 15, "ntk"
    DHCP = 16, "dhcp"
    MRTD = 17, "mrtd"
    KEEPALIVED = 18, "keepalived"
    BABEL = 42, "babel"
    OPENR = 99, "openr"
    BGP = 186, "bgp"
    ISIS = 187, "isis"
    OSPF = 188, "ospf"
    RIP = 189, "rip"
    EIGRP = 192, "eigrp"


class RouteType(WireEnum):
    """Enumeration NethelpersRouteType of the wire contract."""

    UNSPEC = 0, "unspec"
    UNICAST = 1, "unicast"
    LOCAL = 2, "local"
    BROADCAST = 3, "broadcast"
    ANYCAST = 4, "anycast"
    MULTICAST = 5, "multicast"
    BLACKHOLE = 6, "blackhole"
    UNREACHABLE = 7, "unreachable"
    PROHIBIT = 8, "prohibit"
    THROW = 9, "throw"
    NAT = 10, "nat"
    X_RESOLVE = 11, "xresolve"


class RoutingRuleAction(WireEnum):
    """Enumeration NethelpersRoutingRuleAction of the wire contract."""

    UNSPEC = 0, "unspec"
    UNICAST = 1, "unicast"
    BLACKHOLE = 6, "blackhole"
    UNREACHABLE = 7, "unreachable"
    PROHIBIT = 8, "prohibit"


class RoutingTable(WireEnum):
    """Enumeration NethelpersRoutingTable of the wire contract."""

    TABLE_UNSPEC = 0, "unspec"
    TABLE_DEFAULT = 253, "default"
    TABLE_MAIN = 254, "main"
    TABLE_LOCAL = 255, "local"

    @classmethod
    def _text_of_unknown(cls, value: int) -> str:
        return str(value)


class Scope(WireEnum):
    """Enumeration NethelpersScope of the wire contract."""

    GLOBAL = 0, "global"
    SITE = 200, "site"
    LINK = 253, "link"
    HOST = 254, "host"
    NOWHERE = 255, "nowhere"


class VLANProtocol(WireEnum):
    """Enumeration NethelpersVLANProtocol of the wire contract."""

    DOT1Q = 33024, "802.1q"
    DOT1AD = 34984, "802.1ad"


class WOLMode(WireEnum):
    """Enumeration NethelpersWOLMode of the wire contract."""

    PHY = 1, "phy"
    UNICAST = 2, "unicast"
    MULTICAST = 4, "multicast"
    BROADCAST = 8, "broadcast"
    MAGIC = 32, "magic"
    MAGIC_SECURE = 64, "magicsecure"
    FILTER = 128, "filter"
