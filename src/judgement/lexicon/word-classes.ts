/**
 * The words of refusals by what they tell: who (`you`, `we`, `account`, `key`, `model`, `card` ..), what happened (`missing`,
 * `wrong`, `dead`, `denied`, `reached`, `lack` ..), to what (`money`, `allowance`, `rate`, `limit`, `tooLong` ..) and when
 * (`window`, `later`). Stems and short phrases, never sentences; how they are written is said in `stems.ts`.
 */
export const wordClasses = {
  you: "you$|your$|yours$|您|你",
  we: "we$|our$|server|service$|services$|engine|platform|upstream|backend|worker|cluster|system$|provider$|infrastructure|data cent|服务|上游|系统|引擎|平台",
  account:
    "account|organization|organisation|org$|team$|project$|workspace|tenant|user$|users$|subscription$|membership|developer$|app$|consumer|company|your access|账户|账号|帐户|帐号|组织|团队|用户|项目",
  apiKey:
    "api key/keys$|api token|api secret|apikey|access key/token|auth* key/token|bearer|credential|subscription key|secret key|client secret|user/app key|secret id|security token|invalid/bad/wrong/incorrect auth/session$|auth invalid/fail|authorisation/authorization header|auth header|令牌|密钥|秘钥",
  key: "key$|keys$|token$|credential|secret|password|passphrase|license|licence|login|signature|username|密码|签名",
  model: "model$|models$|deployment|voice$|checkpoint|模型",
  card: "card$|cards$|cvc$|cvv$|cardholder|issuer$|issuing bank|payment method/intent …3 declined/failed|recipient|payee|payer|beneficiary|buyer|shopper|do not honor",
  content:
    "prompt|input|content|text$|message$|messages$|image|output|response|generation|completion|query|request|photo|picture|video|audio|document|输入|内容|提示|生成|文本",
  place: "ip$|ips$|region|country|countries|location|geo|territor|jurisdiction|地区|地域|国家",
  list: "allow list|allowlist|white list|whitelist|allowed ip/origin/referr/domain|referrer|referer|origin$|origins$|白名单",
  missing:
    "missing|neither|not received|not authed|not been? provided/supplied/present/sent/included/specified/set/given$|not provide|no … key/token/credential/credentials/authorization/authentication/auth$|without an/any/a? …1 key/token/credential/authenticat/authoriz|key/token/header/authentication/authorization/credential/credentials/login is/are? required/absent/empty$|please carry|required header|not found in the? request/header|not logged in|缺少|未提供|未携带|为空|未登录",
  wrong:
    "invalid|incorrect|wrong$|not …3 valid$|malformed|bad$|unknown|unrecogni|not recogni|not be? found|not exist|no such|not match|mismatch|illegal|unsupported|not support|not be? verified/parsed/decoded/authenticated/validated|fail$|fails$|failed|failure|unable to verify/authenticate/validate/find|not verify/authenticate/validate/find$|rejected|expire$|expired$|过期|无效|错误|不正确|不存在|非法|失败|有误|不支持|验证不通过",
  dead: "revoke$|revoked$|leaked|deactivat|disable$|disabled$|suspend|deleted|removed|terminated|banned|closed$|compromised|blacklist|locked$|frozen|no longer valid/active|exposed|rotated|失效|吊销|禁用|封禁|停用|注销|冻结|泄露|作废",
  denied:
    "permission|scope$|scopes$|not be? allowed/permitted/enabled/entitled/activated/eligible/granted/licensed/subscribed/purchased|not have/has … access/permission/privilege/right|restricted|privilege|block$|blocked$|not/un/must be? verified|unverified|verification is? required|only available/offered/open/accessible/permitted/allowed|not shared|not permit|must be a? member/enabled/accepted|please accept|only be used|can not call/access/use$|can not be used|read only|limited to …1 customers/users/partners/members/accounts|access not|require/requires a/an/the? paid/pro$/premium/enterprise/higher/admin/subscription/upgrade|not authorized/authorised to/for|not included/available/offered in/on/for/with your/the/free/current|权限|无权|未开通|实名|没有访问",
  reached:
    "exceed|exhaust|reach|over$|hit$|surpass|used up|consumed|maxed|too many|too much|violation|crossed|limited to|beyond$|run/ran out|out of|超过|超出|超限|达到|已达|用尽|用完|耗尽|过多|上限|超额",
  lack: "insufficient|no more/remaining|gone$|finished|is/are/been/fully used/spent$|spent your/the/all|quota/allotment/allowance/credits/budget …1 used$|not have? …1 enough|not sufficient|too low|deplet|empty|run/ran/running out|out of|used up/all|no more/remaining/available/longer/active/valid? credit/credits/balance/funds/fund/quota/searches/money$|not have …1 any/enough/sufficient|negative|overdue|unpaid|past due|credit/credits/searches/requests/calls/characters/units/tokens left/remaining|draw from|trial …1 ended/expired/over$|used … all|not active|inactive|arrear|delinquen|payment required|expire$|expired$|过期|欠费|已欠|余额已|额度已用|不足|用尽|用完|耗尽|没有可用|无可用|不够",
  money:
    "credit$|credits$|balance|billing|bill$|bills$|fund$|funds$|payment|prepay|prepaid|postpaid|spend|budget|invoice|top up|topup|recharge|wallet|deposit|cost$|costs$|paid$|arrear|overdue|past due|unpaid|delinquen|欠费|已欠|余额|充值|额度|账单|费用|付费",
  allowance:
    "quota|plan$|plans$|usage|allowance|allocat|allotment|searches$|character$|characters$|unit$|units$|free tier|trial|seat$|seats$|subscription|included …1 credits/usage/requests/quota/calls|overage$|overages$|call volume|package|resource pack|bandwidth|配额|限额|套餐|资源包|次数|额度|用量",
  rate: "rate$|rates$|ratelimit|throughput|flow control|request/requests limit|throttl|rpm$|tpm$|rps$|rpd$|tpd$|ipm$|qpm$|qps$|rph$|tps$|frequen|too fast/quickly/often/frequently|slow down|burst|concurren|parallel|simultaneous|spike arrest|one at a time|# requests in|inflight|in flight|request/requests/call/calls/query/queries/messages/tokens/operations/predictions per/a/in/within/every$|per second/sec/minute/min/hour/day/month$|per #|request/requests/call/calls limit$|too many … requests/calls/queries/connections/attempts/messages/tokens/hits|频率|频繁|速率|限流|并发|过快|限速",
  tooFast: "throttl|too many|too fast/quickly/often/frequently|slow down|frequency|频繁|过快",
  limit: "limit|cap$|caps$|max$|maximum|threshold|ceiling|allowed$|限制|上限|限额",
  busy: "overload|busy$|capacity|high demand/traffic/load/volume/usage/levels|heavy load/traffic/usage|congest|saturat|receiving too/more/a/an/unusual$|more requests than|experiencing …1 load/traffic/demand/issues/problems/difficult|warming|loading$|not ready|maintenance|demand is|surge|at full|queue|degraded|under load|unable to handle/serve/accept|unable to process …3 due/because|can not handle/serve/accept$|no available/healthy/free …1 worker/server/instance/gpu/node/deployment/provider/endpoint/channel|no …1 workers/worker/capacity/instances/gpus$|scaling up|peak hours/load|繁忙|过载|饱和|负载|拥挤|拥堵|排队|忙|人数过多|量过大",
  slow: "timed out|timedout|time out|timeout|deadline|took too long|超时",
  harm: "safety|moderat|flagged|harmful|inappropriate|nsfw|prompt injection|injection patterns|content filter|content policy|usage policies|unsafe|jailbreak|sexual|violen|hate$|hateful|self harm|responsible ai|recitation|offensive|public figure|copyright|illegal content|disallowed content|敏感|违规|不安全|审核|违法|色情|暴力|内容安全|不当",
  policy: "policy|policies|sensitive|guideline|prohibited|filtered|risk$|risky|explicit",
  abuse:
    "abus|unusual activity|suspicious|abnormal|fraud|detected unusual|malicious|automated queries/traffic|multiple/duplicate free? accounts|异常|滥用",
  tooLong:
    "context length|context window|maximum/max context|prompt/input/inputs/text/message/messages/content/context/conversation/sequence/token/tokens …4 too long/large/big/many|prompt/input/inputs/text/message/messages/content/context/conversation/sequence/tokens …4 exceed/exceeds$|prompt/input/inputs/text/messages/content/context/conversation/sequence …4 longer/over than/the|too many input/prompt? tokens in/requested|range of input length|model token limit|reduce the/your? length/size/prompt/input/number|tokens …1 must be #|exceed/exceeds …4 context|exceed/exceeds …4 token limit|exceed/exceeds …4 maximum/max …1 length/tokens/context|string/text/prompt/input too long|shorten|too long/big/large for|at most # …1 tokens|token count/length exceed|过长|超长|上下文|超出最大长度|太长",
  window:
    "per second/sec/minute/min/hour/day/week/month$|per #|hourly|daily|weekly|monthly|today|# hour/hours/day/days/minute/minutes/min/h/s$|this/current/next minute/hour/day/week/month/period/window|a/each/every second/minute/hour/day/month$|rpm$|tpm$|rpd$|tpd$|rps$|rph$|ipm$|qpm$|tomorrow|每分钟|每天|每日|每月|今日|当日|本月|小时|明天",
  later:
    "try …1 again|retry|later|wait$|shortly|few seconds/minutes|temporar|tomorrow|reset$|resets$|replenish|renew|refill|regain|resume$|resumes$|slow down|cool down|cooldown|稍后|重试|再试|等待|明天|重置|恢复",
  fetching: "fetch|download|retriev",
  needed:
    "require/requires/need/needs more|required for this/the/your|can only afford|requested up to|is/are required to",
  buy: "upgrade|purchase|buy$|recharge|top up|add …1 credit/credits/fund/funds/more/payment|subscribe|subscription|billing|higher plan/tier/limit|raise …1 limit|paid plan|increase … quota/limit/budget/amount|充值|升级|购买|续费",
} as const;

export type Signal = keyof typeof wordClasses;
