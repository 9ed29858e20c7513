"""The words of names and values, in lower case: plain data.

They say which names are those of secrets, which only look so, and which values are not secrets.
"""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


QUALIFIERS = _words(
    """old new prod production dev devel development staging stage test testing live local default
    current previous secondary backup base64 b64 value val plain plaintext raw string str binary
    encrypted hash hashed confirmation confirm again repeat admin root env header var variable
    base a b c v
    us eu wo"""
)
"""Words that may follow the word that decides: `password_confirmation`, `SECRET_KEY_BASE`."""
NAMING = _words("env header var variable")
"""Qualifiers after which the value is often only a name: that of the variable with the secret."""
ACTIONS = _words(
    """is has show hide reset forgot forgotten require requires required enable enabled disable
    disabled allow allowed no missing invalid wrong incorrect weak change changed validate get
    fetch read load parse encrypt decrypt rotate revoke generate min max num count total number
    need needs use uses using with without if can should must save remember toggle"""
)
"""Words before it that make it the name of an action, a message or a switch."""
PASSWORDS = _words(
    """password passwords passwd passwds passphrase passphrases passcode passcodes pwd pwds pw
    passwort kennwort contraseña contrasena senha pswd passwrd psw requirepass masterauth
    masteruserpassword bindpw rootpw rootpass adminpass smtppass mysqlpass storepass keypass userpass psk dbpass dbpasswd пароль 密码 密碼
    パスワード 비밀번호"""
)
KEY_CERTAIN = _words(
    """api secret access encryption decryption signing master auth shared account hmac unseal
    subscription cipher"""
)
KEY_HARMLESS = _words(
    """public pub primary foreign sort partition cache row range index routing object group lookup
    idempotency dedup dedupe deduplication translation i18n locale message config setting
    settings registry host hot shortcut modifier arrow function soft json tag label metadata
    unique composite natural surrogate candidate alternate super parent child last first next
    prev previous start end etag s3 state store event field column property attribute item entry
    dict map join order bucket blob file image media publishable answer react cursor resume
    sequence secondary reference ref project issue feature flag step node edge component msg
    conversation thread chat channel tenant resource kms stream shard memo merge dependency lock
    limit rate hash known authorized enter escape tab space shift ctrl alt meta delete insert
    home up down left right page any which press pressed no this that the search_result i8n
    sorting grouping xml data yaml env verify verifying verification ssh gpg pgp"""
)
TOKEN_CERTAIN = _words(
    """access refresh auth authentication authorization api bearer bot oauth oauth2 security
    session id personal private csrf xsrf secret github gitlab slack npm hf pat deploy webhook
    jwt vault"""
)
TOKEN_HARMLESS = _words(
    """next page continuation pagination paging cursor sync start stop eos bos pad unk cls sep mask
    special end begin first last max min num total prompt completion input output cached cache
    reasoning count per image audio text added design cancel cancellation lexer syntax class
    color colour draft generated predicted sampled top thinking budget of used remaining
    estimated avg average context system tool visible hidden new previous prev nextpage"""
)
PASS_CERTAIN = _words(
    """db database smtp mail email user admin root mysql postgres pg redis ftp sftp ssh wifi login
    my sudo imap rabbitmq amqp mongo mongodb ldap http proxy basic auth account default jenkins
    registry docker master sql oracle mssql"""
)
PASS_VARIABLES = _words("sshpass pgpass ftppass mailpass redispass ldappass")
"""Passwords if in capitals, as variables; in lower case these are programs and files."""
NOTHING = _words(
    """true false yes no on off none null nil undefined n/a na tbd todo unset empty redacted
    removed masked string str number integer int boolean bool object array any text bytes
    varchar"""
)
STATUS = _words(
    """correct required optional invalid incorrect missing expired changed updated reset failed mismatch
    pass inherit ok yes no not see must should may can will is are was the a an and or"""
)
CODE = _words(
    """value val data arg args input result response x v new await function async lambda self this
    get req request config cfg env process os kwargs params field column"""
)
ROOTS = _words(
    """self this os process req request config cfg settings env args opts options params props
    state ctx context data body user form event app st secrets cls kwargs var local module each
    values conf conn client session creds credentials account auth input output response result
    item obj values"""
)
ACCESS = _words("read write none read-all write-all include same-origin omit inherit")
"""Permissions and modes, as values under the name of a token or of credentials."""
TYPES = _words(
    """string str text bytes byte bytearray char chars wchar_t int integer number bool boolean float
    double any unknown never void object varchar nvarchar uuid buffer nil none null undefined
    uint8array secretstr secretstring securestring strictstr charsequence chararray nsstring
    c_char u8 i32 u32 i64 u64 int64 uint64 bigint rune cstring cstr osstring stringvalue"""
)
"""Types of values, as programming languages and schemas call them."""
METAVARIABLES = _words(
    """NAME VALUE STRING TEXT STR KEY TOKEN PASS PASSWORD PASSWD PWD SECRET FILE PATH FILENAME URL
    ID USER PASSPHRASE APIKEY API_KEY TOK ARG CREDENTIALS"""
)
"""Names for the value of an option in the help of a command."""
BESIDE = _words(
    """username user login email mail host hostname port scope scopes region created updated expires
    expiration expiry at type label title description placeholder required sensitive provider url
    uri endpoint algorithm version status format kind length help hint message name"""
)
"""Members of an object of secrets that are not secrets themselves."""
LOGINS = _words("user username login email mail host server port account uid database db name id")
"""Names beside passwords in tables and in files of settings."""
ABBREVIATIONS = _words(
    """http https html xhtml smtp grpc mqtt mysqld ctrl bcrypt scrypt xml sql css ssl tls ssh tcp
    udp dns png svg csv mcp llm gpt rpc npm pnpm std str cfg ctx msg src dst tmp bz2 sha1 sha256 md5"""
)
"""Words without vowels; they are not random."""
LOOKUPS = _words("files compat db sss systemd nis ldap winbind")
"""Where a system looks for its users, by `nsswitch.conf`."""
DEEDS = ACTIONS | _words("create delete list update add remove login install keys write")
"""Actions on secrets: `rake secret:rotate`, the scope `token:create`."""
