"""Bare words: what is said about money, keys, refusals, parameters, routes, load, capacity and regions.

Words come after every machine word, and what they alone say never acts on others by one answer (semantics §2). A row
holds patterns in lower-case text, and says where it was seen; the first row that fits wins.
"""

from __future__ import annotations

from pixroute.http.judging.phrases import KindWords
from pixroute.http.judging.tongues import TONGUES
from pixroute.http.judging.topics import TOPICS
from pixroute.outcome import Blame, FailureKind

_K = FailureKind

_SUBJECT = r"(account|resource|user|organi[sz]ation|team|project|service|workspace|api|app|tenant|profile)"
_SOON = r"quota exceeded for metric"

WORDS: tuple[KindWords, ...] = (
    KindWords(
        _K.MODEL_GONE,
        (
            r"model \S+ (does not|doesn.t|do not) exist|no such model",
            r"model [\w./:'`\"\[\]-]+ (is |was )?(not (supported|found|available)|unsupported|no longer)",
            r"\bversion\b.{0,20} (does not exist|not found)|not a (valid|known|recogni[sz]ed|supported) model|cannot be (accessed|used|called) (through|via|with|by)",
        ),
        "OpenAI, xAI, gateways: before what they add about access or parameters",
    ),
    KindWords(
        _K.SERVER_ERROR,
        (
            r"while downloading",
            (
                r"(failed|unable|could ?n.t|cannot|error) (to )?(download|fetch|retriev)\w*.{0,40}(image|url|file|media|resource)"
            ),
            r"failed to (moderate|check|inspect|review)",
            r"下载.{0,8}(失败|超时)",
        ),
        "Ark, Luma: it could not fetch or check a picture; nobody judged it",
        Blame.PROVIDER,
    ),
    KindWords(
        _K.OVERLOADED,
        (
            (
                r"(moderation|safety|review) (service|system|model|check)\w* (is |was )?(\w+ )?(unavailable"
                r"|down|timed out|overload)"
            ),
        ),
        "OpenAI's form: what is down is the moderation",
    ),
    KindWords(
        _K.QUOTA,
        (
            (
                rf"{_SUBJECT}( [\w-]+)? (has been |is |was )?(\w+ )?(blocked|disabled|suspended|locked|restricted"
                rf"|paused)\b.{{0,60}}(balance|billing|payment|overdue|unpaid|credits?|funds|spend)"
            ),
        ),
        "fal: locked for want of money",
    ),
    KindWords(
        _K.MODERATED,
        (r"\b(prompt|image|content|request|input|output|picture|text)\b[^.]{0,60}\bviolat\w+ (?!of)",),
        "Yandex: the terms of use, but it is the prompt that violates them",
    ),
    KindWords(
        _K.FORBIDDEN,
        (
            (
                rf"{_SUBJECT}( [\w-]+)? (has been |is |was |had been )?(temporarily |permanently |currently )?(blocked"
                rf"|disabled|suspended|banned|deactivated|terminated|restricted|locked|frozen|closed)"
            ),
            r"disabled in this account",
            r"terms of (service|use)",
            r"(matching|match|by) your [\w ]{0,40}(polic(y|ies)|restrictions|preferences|settings)",
            r"has not been used in project",
            r"(已被|被)(封禁|禁用|冻结|停用)",
        ),
        "Azure's blocked resource, Gemini's terms of service, new-api's bans: the account, not the prompt",
    ),
    KindWords(
        _K.FORBIDDEN,
        (
            r"\b(channel|model|endpoint|route) (has been |is |was )?disabled\b",
            r"渠道.{0,6}禁用",
        ),
        "new-api, SiliconFlow, Replicate: the gateway's own channel, or a model that its owner closed",
        Blame.PROVIDER,
    ),
    KindWords(
        _K.QUOTA,
        (
            (
                r"(insufficient|not enough|no more|no remaining|lack of|out of|inadequate"
                r"|low) ([\w-]+ ){0,3}(credits?|funds?|balance|quota|tokens left|(api|image|generation) tokens|allowance|points|coins)"
            ),
            (
                r"(quota|balance|credits?|funds?|prepaid|allowance)\b[^.]{0,30}\b(is |are |was |were "
                r"|has been |have been )?(not enough|insufficient|depleted|exhausted|used up|too low|negative"
                r"|run out|empty|ran out)"
            ),
            (
                r"((?<!been )exhausted|used up|used all|spent|ran out of|run out of"
                r"|consumed)( \S+){0,4} (credits?|free|quota|allowance|allocation|balance)"
            ),
            (
                r"(does ?n.t|do ?n.t|don.t|not|no longer) have (any|enough|sufficient)( \S+){0,2} (credits?"
                r"|funds|balance|quota)"
            ),
            (
                r"(monthly|weekly|daily|yearly|inference|spending|spend|usage|budget|hard|credit"
                r"|billing) (included )?(credits?|limits?|quota|budget|cap)\b.{0,30}(reached|exceeded|exhausted|hit)"
            ),
            (
                r"(reach\w*|exceed\w*|hit|over)( \S+){0,4} (monthly|weekly|daily|spending|spend|usage|billing"
                r"|hard|credit|set)( \S+){0,2} (credits?|limit|quota|budget|cap)"
            ),
            r"budget has been exceeded|please (subscribe|upgrade)|(free|trial) (\w+ )?(limit|calls|usage|uses|generations?) (limit )?(is |has been )?(reached|used|exceeded)",
            r"(no|in)[- ]?active subscription|no (valid )?subscription|subscription (has |has been |is |was )?(expired|ended|required|paused|cancell?ed|suspended|inactive)",
            r"(calls|requests|images|credits|generations) ?(/|per|a|each) ?(week|month)\b",
            r"(monthly|daily|weekly)( \w+){0,3} limit|(今日|当日|每日|本月).{0,10}(用完|上限|耗尽|已达|不足)",
            r"purchase (more |another )?(credits|one|package|plan)|(package|plan|pack)\b.{0,20}(used up|exhausted|expired|ended)|(run|ran) out of \w+|(kindly|need to|have to|must) (upgrade|subscribe)",
            r"top.?up|payment required|overdue|in arrears",
            r"billing (hard limit|is not active|not active|details are)",
            r"unpaid",
            r"add (\d+ |more )?(credits|funds)",
            (r"(free|trial)[ -](trial|tier|quota|plan|credits)\b.{0,30}(exhaust|used|exceed|expired|over|ended)"),
            r"upgrade (to|your)( \S+){0,4} plan",
            r"recharge|preconsumedquota|pre-?consume",
            r"(额度|余额|配额|积分|点数|资金|金额).{0,6}(不足|不够|用尽|耗尽|用完|已用|为0)|欠费|充值|账户已欠|超出.{0,4}(预算|额度|限额)",
        ),
        "OpenAI, xAI, Hugging Face, Workers AI, LiteLLM, OpenRouter, Ark, DashScope, new-api, 302.AI",
    ),
    KindWords(
        _K.QUOTA,
        (
            (
                rf"\A(?![\s\S]*({_SOON}))[\s\S]*(exceeded your ([\w-]+ ){{0,2}}quota|per[- ]day\b|per day\b|for today\b|limit for the day"
                rf"|quota will reset after \d{{2,}}h)"
            ),
        ),
        "a quota by the day, unless it says to come back soon",
        unless_soon=True,
    ),
    KindWords(
        _K.OVERLOADED,
        (
            r"\ball (\w+ ){0,2}(keys|accounts|channels|providers|upstreams|tokens)\b.{0,40}(unavailable|exhausted|fail|disabled|cool|busy)",
            r"(所有|全部).{0,4}(密钥|渠道|账号|令牌|通道).{0,6}(不可用|失败|限|繁忙|冷却|失效)",
        ),
        "new-api, octopus: nobody is left behind the gateway",
        Blame.PROVIDER,
    ),
    KindWords(
        _K.AUTH,
        (
            (
                r"(invalid|incorrect|wrong|bad|unknown|expired|missing|no|revoked|unrecognized"
                r"|malformed) (or (missing|expired|invalid) )?([\w/-]+ )?([\w/-]+ )?(api[ -_]?keys?"
                r"|access keys?|tokens? (passed|provided|supplied|value)|(access|auth|bearer|api|user|proxy"
                r"|server)[\w -]{0,14} tokens?|credentials?|authorization|authentication|subscription key"
                r"|secret key|signature)\b"
            ),
            (
                r"(api[ -_]?key|access key|credentials?|(access |api |auth |bearer )token"
                r"|jwt)\b[^.]{0,40}\b(not valid|invalid|incorrect|expired|revoked|leaked|not found|missing"
                r"|required|not provided|does ?n.t exist|deleted|wrong|unknown|malformed|not recognized|disabled)"
            ),
            r"not authenticated|unauthenticated|unauthorized",
            r"authentication (failed|error|required|fails)",
            r"authorization (failed|header|required)",
            r"could not validate credentials|login required",
            r"(无效|错误|过期|未提供|缺少|不存在).{0,4}(令牌|密钥|api ?key|key)",
            r"(令牌|密钥|api ?key).{0,8}(无效|过期|不可用|错误|不存在|已失效|不正确|验证失败)",
            r"未登录|身份验证|认证失败|鉴权失败",
        ),
        "OpenAI, Google, BFL, LiteLLM, FastAPI, Azure's gateway, new-api",
    ),
    KindWords(
        _K.MODERATED,
        (
            r"safety (system|filter|polic|guideline|guardrail|reason|setting.{0,20}block|violation|checker)",
            (
                r"(content|usage|safety|acceptable.use|community|service)[ -](policy|policies|guidelines?"
                r"|filter\w*|moderation|standards)"
            ),
            (
                r"(rejected|blocked|flagged|refused|denied|declined|prohibited|filtered|stopped|caught"
                r"|moderated|censored) (\w+ ){0,6}(by|due to|because of|as|for|under"
                r"|as a result of) (\w+ ){0,4}(moderation|safety|policy|policies|sensitive|unsafe"
                r"|inappropriate|nsfw|harmful|guidelines|disallowed|filters?|explicit|violating|violence"
                r"|illegal|offensive|copyright)"
            ),
            (
                r"violat\w+ (\w+ ){0,4}(policy|policies|guidelines?|rules|terms of|content|standards|safety"
                r"|community)"
            ),
            (
                r"(may|might|could|does|likely) (\w+ )?(violate|contain|be) (\w+ ){0,3}(polic|sensitive"
                r"|inappropriate|unsafe|nsfw|violation|real person|harmful|prohibited|copyright|infring)"
            ),
            (
                r"(sensitive|inappropriate|unsafe|explicit|harmful|disallowed|prohibited|nsfw|offensive"
                r"|objectionable|illegal|adult|sexual|risky) (\w+ )?(content|information|material|words?"
                r"|image|text|prompt|input|imagery|data|language)s?\b"
            ),
            (
                r"(prompt|input|output|image|content|response|request|picture)s?( \w+){0,8} (was|were|is"
                r"|has been|been|got) (\w+ )?(flagged|blocked|moderated|censored|rejected by|refused by"
                r"|filtered|deemed unsafe|not safe|unsafe|nsfw)"
            ),
            r"nsfw",
            (
                r"(fail\w*|not)( to)? (pass\w* )?(\w+ ){0,3}"
                r"(safety|moderation|risk|compliance) ?(check|control|review|test|$)"
            ),
            r"\brisk\b",
            r"content moderation|guardrail",
            r"moderation (rejected|blocked|failed|refused|system|flag|polic)",
            r"flagged (as|by|for)",
            r"responsible ai|not safe for work|intellectual property",
            r"copyright(ed)? (material|content|character)",
            r"third.party (content|rights)",
            r"prominent people|real person|likeness",
            r"minors?\b.{0,20}(safety|policy|sexual)",
            r"against (our|the) (\w+ )?(policy|policies|guidelines|rules)",
            r"denied and you were not charged",
            r"敏感|违规|不合规|涉嫌|色情",
            r"(内容|图片|提示词|文本|图像|审核|输入|输出).{0,8}(审核(?!服务).{0,4}(未|不|失败|拒)|未通过|不通过|违反|不安全|被拦截|不适宜|不当|被拒)",
            r"内容审核|安全(策略|审核|检测|限制|系统|规范)|违反.{0,10}(政策|规定|法律|规范|条款|内容|安全)|不良(信息|内容)|侵权|风控",
        ),
        "OpenAI, Azure, Vertex, xAI, Pollinations, Replicate E005, Stability, fal, new-api in Chinese, Ark",
    ),
    KindWords(
        _K.FORBIDDEN,
        (
            (
                r"(country|region|territory|location|countries|regions)\b.{0,40}(not (\w+ )?(supported"
                r"|available|allowed|permitted)|unsupported|restricted|blocked)"
            ),
            (
                r"not (\w+ )?(available|supported|allowed|offered|permitted) (in|for|from) (your|this"
                r"|the) (\w+ )?(country|region|location|area|territory)"
            ),
            r"unsupported (country|region)",
            r"must be verified",
            r"verify (your )?organi",
            r"insufficient permission|missing scope",
            r"does not have (the )?(permission|access|required)",
            r"(do|does) not have (access|permission)",
            r"no (access|permission)",
            r"not (allowed|authorized|permitted|entitled|enabled|eligible) (to|for)\b(?! this model)",
            r"access (to .{0,40} )?(is )?(denied|restricted|forbidden|not allowed|disabled)",
            r"permission denied|allowed only from",
            r"ip (address|range)",
            r"whitelist|allow-?list|are blocked|is blocked",
            (r"requires? (a )?(paid|pro|enterprise|higher|special|beta) (plan|tier|access|account|subscription)"),
            r"not activated",
            r"has not (been )?(activated|enabled|opened)",
            r"not enabled(?! for this model)|enable it by|join the waitlist|no permission",
            r"tier \d required",
            r"not have permission",
            r"(无权|没有权限|权限不足|无权限|未开通|未授权|禁止访问|没有.{0,4}权限)|(地区|区域|国家).{0,8}(不支持|限制|不可用)",
            r"不支持.{0,6}(地区|国家|区域)|(令牌|分组).{0,12}(不允许|不可|无法).{0,6}(访问|使用)",
        ),
        "OpenAI, Google, Ark, new-api, AIHubMix",
    ),
    KindWords(
        _K.INVALID,
        (
            r"token count|too many (images|files|references|characters|pictures)",
            r"context (length|window)",
            r"max_tokens",
            r"maximum number of tokens",
            r"unknown (parameter|name|field|argument|property)",
            r"unrecogni[sz]ed (\w+ )?(parameter|field|argument|key)",
            r"unexpected (field|keyword|parameter|property)",
            (
                r"invalid (json|value|parameter|argument|mime|size|image|aspect|format|input value|field"
                r"|option|dimension|resolution|prompt length|enum|seed|base64|url\b(?! \())"
            ),
            r"unsupported (parameter|value|mime|media|image|file|format|size|aspect|content.type)",
            r"(missing|required) (\w+ )?(required )?(parameter|field|argument|propert)",
            r"field required|is required",
            (
                r"must be (at least|at most|less|greater|one of|between|a |an |in |divisible|no |smaller"
                r"|either|provided|equal|<|>|\d)"
            ),
            r"should be (at least|less|greater|one of|a valid)",
            r"(is|are) not (one of|a valid|of type)",
            r"expected (one of|a string|an? )",
            r"cannot (find|be) (field|empty|null|blank)",
            (
                r"(size|format|parameter|field|argument|value|aspect.ratio|resolution|dimension|quality|style"
                r"|background|output_format|response_format|seed|negative_prompt|mask"
                r"|image)s?\b[\w`' ]{0,30} (is |are )?(not (\w+ )?(supported|allowed|valid|permitted"
                r"|available)|unsupported|invalid|too (large|small|long|big|short|many))"
            ),
            r"(prompt|text|input|payload|request|body|image|file)\b.{0,20} (is )?too (large|long|big|small)",
            r"exceeds? (the )?(maximum|max|limit of|allowed) (\w+ )?(length|size|number|pixels|characters)",
            r"(maximum|max) (prompt|length|size|number of (images|characters))",
            r"could not (decode|parse|process) (\w+ )?(image|json|body|input|file)",
            r"validation error|malformed",
            r"参数.{0,10}(错误|无效|不正确|缺失|不支持|非法|有误|不合法)|(无效|非法|缺少|不支持).{0,6}(参数|尺寸|格式|字段|分辨率)",
            r"(尺寸|格式|分辨率|大小).{0,8}(不支持|无效|错误|超)|(不能为空|过长|超长)",
        ),
        "OpenAI, Google, Ark, Together, FastAPI, fal, AIHubMix",
    ),
    KindWords(
        _K.OVERLOADED,
        (
            r"overload|\bdegraded\b",
            r"high (demand|load|traffic)",
            r"capacity|saturated",
            r"no (available|healthy) (channel|server|instance|upstream|worker|gpu|account)",
            r"service (is )?(currently |temporarily )?unavailable",
            r"temporarily (unavailable|overloaded)",
            r"currently unavailable|too busy",
            r"server (is )?busy",
            r"busy|under maintenance|cold start",
            r"model is (currently )?loading",
            r"queue (is )?full",
            r"no workers",
            r"负载|饱和|过载|繁忙|无可用(渠道|账号|资源)|资源不足|算力不足|排队|队列|稍后再试|维护",
        ),
        "Google, xAI, OpenRouter, Workers AI, Hugging Face, new-api",
    ),
    KindWords(
        _K.RATE_LIMITED,
        (
            r"rate.?limit|max(imum)? (number of )?(pending|concurrent|queued|running|parallel)",
            r"too many (requests|concurrent|calls|tasks|jobs)",
            r"throttl",
            r"(requests?|images|tokens|calls)[ -]per[ -](second|minute|min|hour)",
            r"concurren\w+.{0,30}(limit|exceed|reached)",
            r"(limit|exceed).{0,30}concurren",
            r"quota exceeded",
            r"resource (has been )?exhausted",
            r"too (fast|frequent)|frequency",
            r"rpm|request limit",
            r"exceeded .{0,30}\blimit",
            r"请求.{0,6}(频繁|过多|过快|上限)|(频率|速率|并发|限流|限速|流控)|任务数?.{0,6}上限|超过.{0,8}(频率|次数|并发)",
        ),
        "OpenAI, Ark, AIHubMix, Replicate, Stability, new-api",
    ),
    KindWords(
        _K.MODEL_GONE,
        (
            r"(unsupported|unknown|invalid|no such|nonexistent) (model|deployment|engine|endpoint id)\b",
            (
                r"(model|deployment|engine|models/|application|app)\b.{0,80}(not (be )?(found|exist|supported"
                r"|available|valid|open)|does ?n.t exist|does not (exist|support)|no longer|deprecated"
                r"|retired|decommissioned|unavailable|not a valid|discontinued|sunset|removed|has been shut)"
            ),
            (
                r"(not supported|not available|unsupported) (for|by|on|with|in) (this|the|your) (\w+ )?(model"
                r"|route|endpoint|channel|api)"
            ),
            r"not supported for generatecontent|is not found for api version",
            r"requested entity was not found|does not support this model",
            r"not supported (on|by) this",
            r"no (endpoints?|model|provider)s? (found|available|supported|configured)",
            r"模型.{0,20}(不存在|未找到|不支持|已下线|未开放|未配置|不可用|无效)|(不支持|未找到|没有|不存在).{0,10}模型",
        ),
        "OpenAI, Google, OpenRouter, DashScope, new-api",
    ),
    *TONGUES,
    *TOPICS,
)


def spoken(text: str) -> tuple[KindWords, ...]:
    """Give every row that the text satisfies, the first first."""
    lowered = text.lower()
    return tuple(row for row in WORDS if row.say(lowered))
