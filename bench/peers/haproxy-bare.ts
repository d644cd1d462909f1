/** HAProxy that passes requests on and says nothing of itself or the client: less than Sluice does. */
import { haproxyPeer } from './haproxy.ts'

export const peer = haproxyPeer('haproxy-bare', '')
