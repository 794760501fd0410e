"""The commonest sentences of errors in languages beside English, and what else is said in Chinese."""

from __future__ import annotations

from pixroute.http.judging.phrases import KindWords
from pixroute.outcome import FailureKind

_K = FailureKind

CHINESE: tuple[KindWords, ...] = (
    KindWords(
        _K.QUOTA,
        (
            r"套餐|续费|消费.{0,6}(上限|限额|超)|(付费|购买|开通|升级).{0,6}(套餐|会员|资源包)|资源包|账单|額度|餘額|额度|余额",
            r"(次数|张数|点数|用量).{0,6}(用完|不足|耗尽|已达|上限)|(今日|本日|每天|每日|当天|本月).{0,12}(次数|上限|限制|用量)",
        ),
        "gateways of the new-api family: plans that end, a day's or a key's spending",
    ),
    KindWords(
        _K.AUTH,
        (
            r"(密钥|秘钥|令牌|token|key|凭证|签名|授权码).{0,10}(无效|失效|过期|错误|不正确|不存在|为空|缺失|未找到|已删除|校验失败)",
        ),
        "the key",
    ),
    KindWords(
        _K.MODERATED,
        (
            r"(安全|合规|政策|审核|审查|暴力|血腥|政治|低俗|裸露|未成年|名人|真人|人脸|肖像|版权|商标).{0,12}(拒|拦截|屏蔽|限制|原因|问题|风险|不允许|无法)",
            r"(拒绝|无法|不能)(为您)?(生成|处理|绘制)[^，。]{0,12}(内容|图)|违禁|不当|不允许.{0,8}内容",
        ),
        "refusals by their reason",
    ),
    KindWords(
        _K.FORBIDDEN,
        (r"仅限|(会员|vip|企业).{0,6}(可用|专享)|实名|白名单|ip.{0,8}(限制|不在)|已(关闭|停用|注销)|封号",),
        "who may use it",
    ),
    KindWords(
        _K.MODEL_GONE,
        (r"模型.{0,12}(下架|停用|错误|未知|有误)|无此模型|接口.{0,6}(下线|关闭)",),
        "the model",
    ),
    KindWords(
        _K.RATE_LIMITED,
        (r"(请求|调用|访问|生成).{0,6}(速度|太快|过快|太频繁|次数过多)|每分钟|每秒",),
        "the speed",
    ),
    KindWords(
        _K.OVERLOADED,
        (r"请求量.{0,4}大|拥堵|高峰|资源紧张|人数过多|服务器?.{0,4}(忙|不可用|压力)|通道.{0,6}(不可用|关闭|异常)",),
        "load",
    ),
    KindWords(
        _K.INVALID,
        (
            r"(参数|尺寸|像素|比例|宽高|分辨率|格式).{0,12}(错|不|无效|仅|只|必|须|需|应|超|范围|之间)|不支持.{0,10}(参数|尺寸|比例|格式|分辨率|图)",
            r"图片.{0,8}(过大|太大|损坏|过多|超过)|提示词.{0,8}(过长|为空|超)|必填|超出.{0,4}范围",
        ),
        "parameters, files and lengths",
    ),
)
"""As `words.WORDS`, after them: shorter words, for whole sentences that no row there knows."""

TONGUES: tuple[KindWords, ...] = (
    *CHINESE,
    KindWords(
        _K.MODEL_GONE,
        (
            r"モデル.{0,16}(存在し|見つかり|利用でき|サポートされ|廃止)",
            r"modell\b.{0,30}(nicht (gefunden|verfügbar|unterstützt)|existiert nicht)",
            r"modelo\b.{0,30}(no (existe|encontrado|disponible)|não (existe|foi encontrado|encontrado|disponível))",
            r"modèle\b.{0,30}(introuvable|n.existe pas|indisponible)|modello\b.{0,30}non (trovato|esiste|disponibile)",
            r"모델.{0,16}(없|찾을 수|지원)|модель.{0,30}не (найдена|существует|поддерживается)",
        ),
        "by general knowledge of Japanese, German, Spanish, Portuguese, French, Italian, Korean, Russian",
    ),
    KindWords(
        _K.QUOTA,
        (
            r"guthaben|kontingent.{0,30}(aufgebraucht|erschöpft|überschritten)|zahlung",
            r"(saldo|cr[eé]ditos?|fondos|fundos|cuota|cota)\b.{0,30}(insuficiente|agotad|esgotad|excedid)|insuficiente.{0,12}(saldo|cr[eé]dito|fondos)",
            r"(solde|crédits?|quota)\b.{0,30}(insuffisant|épuisé|dépassé)|credito (insufficiente|esaurito)",
            r"(残高|クレジット|ポイント|利用枠|利用上限).{0,10}(不足|足り|ありません|超|切れ|達し)|(잔액|크레딧|잔고).{0,8}(부족|소진|없)",
            r"недостаточно (средств|кредит)|(баланс|квота).{0,20}(исчерпан|недостаточ|превышен)",
        ),
        "as above",
    ),
    KindWords(
        _K.AUTH,
        (
            r"(ungültig|falsch|fehlend|abgelaufen)\w* .{0,16}(schlüssel|token|zugangsdaten)|(schlüssel|token).{0,20}(ungültig|abgelaufen|fehlt)",
            r"(clave|token|llave|chave)\b.{0,24}(inv[aá]lid|no (es )?válid|incorrect|caducad|expirad|vencid)|no autenticad|não autenticad",
            r"(clé|jeton)\b.{0,24}(invalide|incorrect|expiré|manquant)|chiave.{0,20}non valida",
            r"(キー|トークン|認証).{0,12}(無効|正しく|失敗|期限|必要|間違|不正)|(키|토큰|인증).{0,10}(유효하지|잘못|만료|실패|필요)",
            r"(неверный|недействительный|просрочен\w*) .{0,10}(ключ|токен)|(ключ|токен).{0,20}(недействител|неверн|истёк)",
        ),
        "as above",
    ),
    KindWords(
        _K.MODERATED,
        (
            r"不適切|有害|(ポリシー|ガイドライン|規約).{0,8}違反|コンテンツ.{0,10}(制限|フィルタ|ブロック)|安全.{0,8}(フィルタ|ポリシー)",
            r"verstößt gegen|verstoß gegen|unangemessen|(inhalt\w*|nutzungs)-?richtlinie|inhaltsfilter|unzulässige\w* inhalt",
            r"(contenido|conteúdo|contenuto) (\w+ )?(inapropiad|no permitid|sensible|sensível|prohibid|proibid|impróprio|inadequad|non consentit)",
            r"polític\w+ de (uso|contenido|conteúdo|seguridad)|(infringe|viola) (\w+ )?(nuestr|noss|la |las |as |a |le )",
            r"contenu (\w+ )?(inapproprié|interdit|sensible)|enfreint|contraire (à|aux)|부적절|유해|(정책|가이드라인).{0,6}위반",
            r"недопустим\w* (контент|содерж)|(нарушает|нарушение) (правил|политик)|запрещ[её]нн\w+ (контент|содерж)",
        ),
        "as above",
    ),
    KindWords(
        _K.FORBIDDEN,
        (
            r"kein(e|en)? (zugriff|berechtigung)|zugriff (verweigert|nicht)|nicht berechtigt|(sin|no tiene[s]?) (permiso|acceso|autoriza)",
            r"acceso denegado|acesso negado|sem permissão|accès (refusé|interdit)|accesso negato",
            r"権限.{0,6}(が|あり|不足)|アクセス.{0,8}(拒否|許可)|(地域|国).{0,12}(利用でき|対応し)|권한.{0,4}(없|부족)|нет (доступа|прав)|доступ (запрещ|закрыт)",
        ),
        "as above",
    ),
    KindWords(
        _K.RATE_LIMITED,
        (
            r"zu viele (anfragen|anforderungen)|anfragelimit|demasiad[ao]s (solicitudes|peticiones)|límite de (solicitudes|peticiones|velocidad)",
            r"trop de (requêtes|demandes)|troppe richieste|muitas (solicitações|requisições)|limite de (requisições|taxa|requêtes)",
            r"(リクエスト|レート|呼び出し).{0,8}(多|上限|制限|超)|(요청|호출).{0,8}(많|초과|제한)|слишком много запросов|превышен лимит",
        ),
        "as above",
    ),
    KindWords(
        _K.OVERLOADED,
        (
            r"überlastet|ausgelastet|wartungsarbeiten|dienst.{0,20}nicht verfügbar|sobrecargad|mantenimiento|manutenção",
            r"(servicio|serviço|service|servizio).{0,24}(no disponible|indisponível|indisponible|non disponibile)|surchargé",
            r"混雑|混み合|過負荷|一時的に(利用|使用)でき|メンテナンス|과부하|혼잡|점검 ?중|перегружен|временно недоступ",
        ),
        "as above",
    ),
    KindWords(
        _K.INVALID,
        (
            r"ungültig\w* .{0,16}(parameter|wert|größe|format|anfrage)|(parameter|wert|größe|format).{0,30}(ungültig|fehlt|nicht unterstützt|erforderlich)",
            r"(par[aâá]metro|tamaño|tamanho|formato|valor|campo)\b.{0,30}(inv[aá]lid|no (es )?válid|obligatori|obrigatóri|desconocid|no (es )?(soportad|compatible))",
            r"(paramètre|taille|format|valeur|champ)\b.{0,30}(invalide|manquant|inconnu|obligatoire|non pris|incorrect)|parametro.{0,30}non valid",
            r"(パラメータ|サイズ|形式|値|フィールド|プロンプト).{0,20}(不正|無効|必須|サポートされ|長すぎ|対応し)|(매개변수|파라미터|크기|형식).{0,16}(유효하지|잘못|지원|필수)",
            r"(параметр|размер|формат|значение)\w*.{0,30}(недопустим|невер|не поддерж|обязател)|(неверн|недопустим)\w* (параметр|размер|формат|значение)",
        ),
        "as above",
    ),
)
"""As `words.WORDS`, after them."""
